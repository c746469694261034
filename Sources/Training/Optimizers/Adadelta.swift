import ONNXFormat
import ONNXOperators
import ONNXOps

/// Steps in units of the steps before (Zeiler, 2012): `s' = ρ s + (1 − ρ) g²`,
/// `d = √(u + ε) / √(s' + ε) · g`, `u' = ρ u + (1 − ρ) d²`, `p' = p − rate · d`.
public struct Adadelta: Optimizer {
  public var decay: Double
  public var epsilon: Double
  public var weightDecay: Double

  public init(decay: Double = 0.9, epsilon: Double = 1e-6, weightDecay: Double = 0) {
    self.decay = decay
    self.epsilon = epsilon
    self.weightDecay = weightDecay
  }

  public var stateNames: [String] { ["square", "change"] }

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
