import ONNXFormat
import ONNXOperators
import ONNXOps

/// Steps scaled by a running mean of squared gradients (Tieleman and Hinton, 2012):
/// `s' = α s + (1 − α) g²`, `d = g / (√s' + ε)`, `p' = p − rate · d`; with momentum
/// `v' = momentum · v + d`, `p' = p − rate · v'`.
public struct RMSProp: Optimizer {
  public var decay: Double
  public var epsilon: Double
  public var momentum: Double
  public var weightDecay: Double

  public init(
    decay: Double = 0.99, epsilon: Double = 1e-8, momentum: Double = 0, weightDecay: Double = 0
  ) {
    self.decay = decay
    self.epsilon = epsilon
    self.momentum = momentum
    self.weightDecay = weightDecay
  }

  public var stateNames: [String] { momentum == 0 ? ["square"] : ["square", "momentum"] }

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
