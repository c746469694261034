import Glibc
import ONNXSupport

/// An axis of a chart: maps numbers to positions from 0 to 1 and chooses its ticks.
struct Axis {
  let isLogarithmic: Bool
  let low: Double
  let high: Double
  let ticks: [(value: Double, label: String)]

  /// - Parameters:
  ///   - values: the numbers to cover; an infinite one or NaN, and on a logarithmic axis 0 or less, is
  ///     ignored
  ///   - isWhole: whether the ticks of a linear axis are whole numbers
  ///   - marks: the wanted number of ticks on a linear axis
  init(_ values: some Sequence<Double>, isLogarithmic: Bool, isWhole: Bool = false, marks: Int) {
    self.isLogarithmic = isLogarithmic
    var low = Double.infinity
    var high = -Double.infinity
    for value in values where value.isFinite && (!isLogarithmic || value > 0) {
      // Differences of larger numbers overflow.
      let value = min(max(value, -1e300), 1e300)
      low = min(low, value)
      high = max(high, value)
    }
    if low > high { (low, high) = isLogarithmic ? (0.1, 1) : (0, 1) }
    if isLogarithmic {
      let ticks = Self.decades(low, high)
      self.low = min(low, ticks.first ?? low)
      self.high = max(high, ticks.last ?? high)
      self.ticks = ticks.map { ($0, formatted($0, "%.6g")) }
      return
    }
    if low == high {
      let margin = low == 0 ? 1 : abs(low) * 0.5
      (low, high) = (low - margin, high + margin)
    }
    let least = Self.roundStep((high - low) / Double(max(marks, 1)))
    let step = isWhole ? max(least, 1) : least
    let first = (low / step - 1e-9).rounded(.up)
    let last = (high / step + 1e-9).rounded(.down)
    self.low = low
    self.high = high
    let count = last >= first && last - first < 1000 ? Int(last - first) + 1 : 0
    ticks = (0..<count).map { index in
      let value = (first + Double(index)) * step
      return (value, Self.label(value, step))
    }
  }

  /// The position of a value: 0 at `low`, 1 at `high`; `nil` for a value that the axis cannot show.
  func position(_ value: Double) -> Double? {
    guard value.isFinite, !isLogarithmic || value > 0 else { return nil }
    let (v, l, h) =
      isLogarithmic ? (log10(value), log10(low), log10(high)) : (value, low, high)
    return h > l ? min(max((v - l) / (h - l), 0), 1) : 0.5
  }

  /// The smallest of 1, 2 or 5 times a power of ten that is at least `step`.
  private static func roundStep(_ step: Double) -> Double {
    let power = pow(10, floor(log10(step)))
    let factor = step / power
    return power * (factor <= 1 ? 1 : factor <= 2 ? 2 : factor <= 5 ? 5 : 10)
  }

  private static func label(_ value: Double, _ step: Double) -> String {
    if abs(value) < step / 2 { return "0" }
    if abs(value) >= 1e6 || step < 1e-4 { return formatted(value, "%.4g") }
    let digits = max(0, -Int(floor(log10(step) + 1e-9)))
    return formatted(value, "%.\(digits)f")
  }

  /// The ticks of a logarithmic axis: powers of ten, only every few of them over a large range, and 2
  /// and 5 times them over a small one.
  private static func decades(_ low: Double, _ high: Double) -> [Double] {
    let first = Int(floor(log10(low) + 1e-9))
    let last = Int(ceil(log10(high) - 1e-9))
    let stride = max(1, (last - first + 7) / 8)
    let factors: [Double] = last - first <= 2 ? [1, 2, 5] : [1]
    var marks: [Double] = []
    for power in Swift.stride(from: first, through: max(last, first), by: stride) {
      marks += factors.map { $0 * pow(10, Double(power)) }
    }
    let below = marks.lastIndex { $0 <= low * (1 + 1e-9) } ?? 0
    let above = marks.firstIndex { $0 >= high * (1 - 1e-9) } ?? marks.count - 1
    return Array(marks[below...max(below, above)])
  }
}
