import ONNXFormat
import ONNXOperators

/// Adam (Kingma and Ba, 2014): `m' = β₁ m + (1 − β₁) g`, `v' = β₂ v + (1 − β₂) g²`,
/// `p' = p − rate / (1 − β₁ᵗ) · m' / (√v' / √(1 − β₂ᵗ) + ε)`.
///
/// Weight decay is added to the gradient. Decoupled weight decay scales the parameter instead, before
/// the step: `p ← (1 − rate · weightDecay) · p` (AdamW; Loshchilov and Hutter, 2017).
public struct Adam: Optimizer {
  /// The decay rate `β₁` of the running mean of gradients.
  public var beta1: Double
  /// The decay rate `β₂` of the running mean of squared gradients.
  public var beta2: Double
  /// The constant added to the denominator.
  public var epsilon: Double
  /// The factor of the weight decay.
  public var weightDecay: Double
  /// Whether weight decay is decoupled from the gradient.
  public var decaysDecoupled: Bool

  /// Creates the optimiser.
  public init(
    beta1: Double = 0.9, beta2: Double = 0.999, epsilon: Double = 1e-8, weightDecay: Double = 0,
    decoupled: Bool = false
  ) {
    self.beta1 = beta1
    self.beta2 = beta2
    self.epsilon = epsilon
    self.weightDecay = weightDecay
    decaysDecoupled = decoupled
  }

  /// Adam with decoupled weight decay.
  public static func adamW(
    beta1: Double = 0.9, beta2: Double = 0.999, epsilon: Double = 1e-8, weightDecay: Double = 0.01
  ) -> Adam {
    Adam(
      beta1: beta1, beta2: beta2, epsilon: epsilon, weightDecay: weightDecay, decoupled: true)
  }

  /// The names of the states.
  public var stateNames: [String] { ["mean", "square"] }

  /// Adds the nodes of one step.
  public func update(
    _ step: ParameterStep, _ builder: inout GraphBuilder
  ) -> (parameter: String, states: [String]) {
    var parameter = step.parameter
    var gradient = step.gradient
    if decaysDecoupled, weightDecay != 0 {
      let kept = builder.sub(
        builder.scalar(1, step.type),
        builder.mul(step.rate, builder.scalar(weightDecay, step.type)))
      parameter = builder.mul(parameter, kept)
    } else {
      gradient = step.decayedGradient(weightDecay, &builder)
    }
    let mean = step.average(step.states[0], gradient, decay: beta1, &builder)
    let square = step.average(
      step.states[1], builder.mul(gradient, gradient), decay: beta2, &builder)
    let rate = builder.div(
      step.rate,
      builder.cast(step.biasCorrection(beta1, &builder), to: step.type))
    let scale = builder.cast(
      builder.sqrt(step.biasCorrection(beta2, &builder)), to: step.type)
    let root = builder.add(
      builder.div(builder.sqrt(square), scale), builder.scalar(epsilon, step.type))
    let change = builder.mul(builder.div(mean, root), rate)
    return (builder.sub(parameter, change), [mean, square])
  }
}
