import RealModule

/// The learning rate as a function of how far the training is.
public enum LearningRate: Sendable, Hashable {
  case constant(Double)
  /// `rate · factor^⌊epoch / every⌋`
  case steps(Double, factor: Double, every: Double)
  /// `rate · factor^epoch`, from epoch `after` on
  case exponential(Double, factor: Double, after: Double)
  /// From `rate` down to `final` on half a cosine over all epochs (Loshchilov and Hutter, 2016).
  case cosine(Double, final: Double)
  /// Up to `peak` on a line over the first `warmup` of all epochs, then down to 0 on a line.
  case triangle(peak: Double, warmup: Double)
  /// From a 25th of `peak` up to it over the first 0.3 of all epochs, then down to nearly 0, both on
  /// half a cosine (Smith and Topin, 2017; the formula of PyTorch's `OneCycleLR`).
  case oneCycle(peak: Double)

  /// - Parameters:
  ///   - epoch: epochs done, with the part of the current one
  ///   - epochs: how many there will be
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
      return share < warmup ? peak * share / warmup : peak * (1 - share) / (1 - warmup)
    case .oneCycle(let peak):
      let warmup = 0.3
      let (from, to, part) =
        share < warmup
        ? (peak / 25, peak, share / warmup)
        : (peak, peak / 250_000, (share - warmup) / (1 - warmup))
      return to + (from - to) * (1 + .cos(.pi * part)) / 2
    }
  }
}
