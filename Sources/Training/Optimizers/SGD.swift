import ONNXFormat
import ONNXOperators

/// Stochastic gradient descent: `g' = g + weightDecay · p`, `v' = momentum · v + g'`,
/// `p' = p − rate · v'`; with Nesterov's momentum `p' = p − rate · (g' + momentum · v')`.
///
/// Sutskever et al., "On the importance of initialization and momentum in deep learning", 2013.
public struct SGD: Optimizer {
  /// The momentum; 0 for none.
  public var momentum: Double
  /// Whether momentum is Nesterov's.
  public var isNesterov: Bool
  /// The factor of the L2 penalty that is added to the gradient.
  public var weightDecay: Double

  /// Creates the optimiser.
  public init(momentum: Double = 0, nesterov: Bool = false, weightDecay: Double = 0) {
    self.momentum = momentum
    self.isNesterov = nesterov
    self.weightDecay = weightDecay
  }

  /// The names of the states.
  public var stateNames: [String] { momentum == 0 ? [] : ["momentum"] }

  /// Adds the nodes of one step.
  public func update(
    _ step: ParameterStep, _ builder: inout GraphBuilder
  ) -> (parameter: String, states: [String]) {
    var direction = step.decayedGradient(weightDecay, &builder)
    var states: [String] = []
    if let velocity = step.states.first {
      let factor = builder.scalar(momentum, step.type)
      let next = builder.add(builder.mul(velocity, factor), direction)
      direction = isNesterov ? builder.add(direction, builder.mul(next, factor)) : next
      states = [next]
    }
    return (builder.sub(step.parameter, builder.mul(direction, step.rate)), states)
  }
}
