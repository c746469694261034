import ONNXFormat
import ONNXOperators

/// Adadelta (Zeiler, 2012): `s' = ρ s + (1 − ρ) g²`, `d = √(u + ε) / √(s' + ε) · g`,
/// `u' = ρ u + (1 − ρ) d²`, `p' = p − rate · d`.
public struct Adadelta: Optimizer {
  /// The decay rate `ρ` of both running means.
  public var decay: Double
  /// The constant `ε` added inside the square roots.
  public var epsilon: Double
  /// The factor of the L2 penalty that is added to the gradient.
  public var weightDecay: Double

  /// Creates the optimiser.
  public init(decay: Double = 0.9, epsilon: Double = 1e-6, weightDecay: Double = 0) {
    self.decay = decay
    self.epsilon = epsilon
    self.weightDecay = weightDecay
  }

  /// The names of the states.
  public var stateNames: [String] { ["square", "change"] }

  /// Adds the nodes of one step.
  public func update(
    _ step: ParameterStep, _ builder: inout GraphBuilder
  ) -> (parameter: String, states: [String]) {
    let gradient = step.decayedGradient(weightDecay, &builder)
    let epsilon = builder.scalar(epsilon, step.type)
    let square = step.average(
      step.states[0], builder.mul(gradient, gradient), decay: decay, &builder)
    let ratio = builder.div(
      builder.sqrt(builder.add(step.states[1], epsilon)),
      builder.sqrt(builder.add(square, epsilon)))
    let change = builder.mul(ratio, gradient)
    let changes = step.average(
      step.states[1], builder.mul(change, change), decay: decay, &builder)
    return (
      builder.sub(step.parameter, builder.mul(change, step.rate)), [square, changes]
    )
  }
}
