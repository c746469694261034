import RealModule

/// A learning rate schedule: the rate as a function of the epoch.
public enum LearningRate: Sendable, Hashable {
  /// The same rate throughout.
  case constant(Double)
  /// `rate · factor^⌊epoch / every⌋`
  case steps(Double, factor: Double, every: Double)
  /// `rate` up to epoch `after`, then `rate · factor^(⌊epoch⌋ − after)`.
  case exponential(Double, factor: Double, after: Double)
  /// Half a cosine from `rate` down to `final` over all epochs (Loshchilov and Hutter, 2016).
  case cosine(Double, final: Double)
  /// Linear from `peak / 25` to `peak` over the fraction `warmup` of all epochs, then linear to 0.
  case triangle(peak: Double, warmup: Double)
  /// From `peak / 25` to `peak` over the first 30 % of all epochs, then down to `peak / 250000`,
  /// both on half a cosine (Smith and Topin, 2017; the formula of PyTorch's `OneCycleLR`).
  case oneCycle(peak: Double)

  /// The learning rate at a point of training.
  /// - Parameters:
  ///   - epoch: The epochs completed, including the fraction of the current one.
  ///   - epochs: The total number of epochs.
  public func rate(epoch: Double, of epochs: Double) -> Double {
    let share = epochs > 0 ? min(epoch / epochs, 1) : 0
    switch self {
    case .constant(let rate): return rate
    case .steps(let rate, let factor, let every):
      return rate * .pow(factor, (epoch / every).rounded(.down))
    case .exponential(let rate, let factor, let after):
      return rate * .pow(factor, max(0, epoch.rounded(.down) - after))
    case .cosine(let rate, let final):
      return final + (rate - final) * (1 + .cos(.pi * share)) / 2
    case .triangle(let peak, let warmup):
      return share < warmup
        ? peak * (1 + 24 * share / warmup) / 25 : peak * (1 - share) / (1 - warmup)
    case .oneCycle(let peak):
      let warmup = 0.3
      let (from, to, part) =
        share < warmup
        ? (peak / 25, peak, share / warmup)
        : (peak, peak / 250_000, (share - warmup) / (1 - warmup))
      return to + (from - to) * (1 + .cos(.pi * part)) / 2
    }
  }

  /// Whether the rate at a point of training depends on the total number of epochs.
  public var dependsOnLength: Bool {
    switch self {
    case .constant, .steps, .exponential: false
    case .cosine, .triangle, .oneCycle: true
    }
  }

  /// The same schedule with another highest rate.
  package func scaled(to rate: Double) -> LearningRate {
    switch self {
    case .constant: .constant(rate)
    case .steps(_, let factor, let every): .steps(rate, factor: factor, every: every)
    case .exponential(_, let factor, let after): .exponential(rate, factor: factor, after: after)
    case .cosine(let old, let final): .cosine(rate, final: final / old * rate)
    case .oneCycle: .oneCycle(peak: rate)
    case .triangle(_, let warmup): .triangle(peak: rate, warmup: warmup)
    }
  }
}
