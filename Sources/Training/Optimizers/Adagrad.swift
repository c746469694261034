import ONNXFormat
import ONNXOperators

/// Adagrad (Duchi, Hazan and Singer, 2011): `s' = s + g²`,
/// `p' = p − rate / (1 + (t − 1) · rateDecay) · g / (√s' + ε)`.
public struct Adagrad: Optimizer {
  /// The decay of the learning rate per step.
  public var rateDecay: Double
  /// The constant added to the denominator.
  public var epsilon: Double
  /// The factor of the L2 penalty that is added to the gradient.
  public var weightDecay: Double

  /// Creates the optimiser.
  public init(rateDecay: Double = 0, epsilon: Double = 1e-10, weightDecay: Double = 0) {
    self.rateDecay = rateDecay
    self.epsilon = epsilon
    self.weightDecay = weightDecay
  }

  /// The names of the states.
  public var stateNames: [String] { ["sum"] }

  /// Adds the nodes of one step.
  public func update(
    _ step: ParameterStep, _ builder: inout GraphBuilder
  ) -> (parameter: String, states: [String]) {
    let gradient = step.decayedGradient(weightDecay, &builder)
    let sum = builder.add(step.states[0], builder.mul(gradient, gradient))
    var rate = step.rate
    if rateDecay != 0 {
      let one = builder.scalar(1, .float64)
      let divisor = builder.add(
        one, builder.mul(builder.sub(step.time, one), builder.scalar(rateDecay, .float64)))
      rate = builder.div(rate, builder.cast(divisor, to: step.type))
    }
    let root = builder.add(builder.sqrt(sum), builder.scalar(epsilon, step.type))
    let change = builder.mul(builder.div(gradient, root), rate)
    return (builder.sub(step.parameter, change), [sum])
  }
}
