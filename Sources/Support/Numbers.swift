import ONNXFormat

/// Formats a number as `printf` does.
/// - Parameter format: a conversion of one `Double`, such as `%.6g`
package func formatted(_ value: Double, _ format: String) -> String { value.text(format) }

/// The number with at most six significant digits.
package func formatted(_ value: Double) -> String { formatted(value, "%.6g") }

/// A byte count with its unit: `575 MB`.
package func formattedBytes(_ count: Int) -> String {
  formatted(count, units: ["B", "kB", "MB", "GB", "TB"])
}

/// A count with its metric prefix: `7.72 G`.
package func formattedCount(_ count: Int) -> String {
  formatted(count, units: ["", "k", "M", "G", "T"])
}

private func formatted(_ count: Int, units: [String]) -> String {
  var value = Double(count)
  var unit = 0
  while abs(value) >= 999.5, unit < units.count - 1 {
    value /= 1000
    unit += 1
  }
  let number = unit == 0 ? "\(count)" : formatted(value, "%.3g")
  return units[unit].isEmpty ? number : "\(number) \(units[unit])"
}

extension Duration {
  /// The duration in milliseconds.
  package var milliseconds: Double { self / .milliseconds(1) }
}

/// The number with `digits` digits after the decimal point.
package func fixed(_ value: Double, _ digits: Int) -> String { formatted(value, "%.\(digits)f") }
