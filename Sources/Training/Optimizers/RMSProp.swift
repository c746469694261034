import ONNXFormat
import ONNXOperators

/// RMSProp (Tieleman and Hinton, 2012): `s' = α s + (1 − α) g²`, `d = g / (√s' + ε)`,
/// `p' = p − rate · d`; with momentum `v' = momentum · v + d`, `p' = p − rate · v'`.
public struct RMSProp: Optimizer {
  /// The decay rate `α` of the running mean of squared gradients.
  public var decay: Double
  /// The constant added to the denominator.
  public var epsilon: Double
  /// The momentum; 0 for none.
  public var momentum: Double
  /// The factor of the L2 penalty that is added to the gradient.
  public var weightDecay: Double

  /// Creates the optimiser.
  public init(
    decay: Double = 0.99, epsilon: Double = 1e-8, momentum: Double = 0, weightDecay: Double = 0
  ) {
    self.decay = decay
    self.epsilon = epsilon
    self.momentum = momentum
    self.weightDecay = weightDecay
  }

  /// The names of the states.
  public var stateNames: [String] { momentum == 0 ? ["square"] : ["square", "momentum"] }

  /// Adds the nodes of one step.
  public func update(
    _ step: ParameterStep, _ builder: inout GraphBuilder
  ) -> (parameter: String, states: [String]) {
    let gradient = step.decayedGradient(weightDecay, &builder)
    let square = step.average(
      step.states[0], builder.mul(gradient, gradient), decay: decay, &builder)
    let root = builder.add(builder.sqrt(square), builder.scalar(epsilon, step.type))
    var change = builder.div(gradient, root)
    var states = [square]
    if step.states.count > 1 {
      change = builder.add(
        builder.mul(step.states[1], builder.scalar(momentum, step.type)), change)
      states.append(change)
    }
    return (builder.sub(step.parameter, builder.mul(change, step.rate)), states)
  }
}
