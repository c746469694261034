import ONNXFormat

/// Conversion of numbers to text and back, as `Cast` defines it.
package enum NumberText {
  /// The shortest text that reads back as this number, in NumPy's notation: with an exponent below
  /// 10⁻⁴ and from 10¹⁶ on.
  package static func text<T: BinaryFloatingPoint & LosslessStringConvertible>(_ value: T) -> String
  {
    if value.isNaN { return "nan" }
    if value.isInfinite { return value < 0 ? "-inf" : "inf" }
    if value == 0 { return value.sign == .minus ? "-0.0" : "0.0" }
    let (digits, point) = shortestDigits(value.magnitude)
    let sign = value < 0 ? "-" : ""
    // The value is 0.digits · 10^point.
    if point > 16 || point < -3 {
      let tail = digits.dropFirst()
      let exponent = point - 1
      let size = abs(exponent) < 10 ? "0\(abs(exponent))" : "\(abs(exponent))"
      let fraction = tail.isEmpty ? "" : "." + tail
      return "\(sign)\(digits.prefix(1))\(fraction)e\(exponent < 0 ? "-" : "+")\(size)"
    }
    if point <= 0 { return "\(sign)0." + String(repeating: "0", count: -point) + digits }
    if digits.count <= point {
      return sign + digits + String(repeating: "0", count: point - digits.count) + ".0"
    }
    return "\(sign)\(digits.prefix(point)).\(digits.dropFirst(point))"
  }

  /// The fewest decimal digits that identify a positive number, and the position of the decimal point
  /// relative to the first one.
  private static func shortestDigits<T: BinaryFloatingPoint & LosslessStringConvertible>(
    _ value: T
  ) -> (digits: String, point: Int) {
    var digits = ""
    var point: Int?
    var exponent = 0
    let text = value.description
    let mark = text.firstIndex { $0 == "e" || $0 == "E" } ?? text.endIndex
    for character in text[..<mark] {
      if character == "." { point = digits.count } else { digits.append(character) }
    }
    if mark != text.endIndex { exponent = Int(text[text.index(after: mark)...]) ?? 0 }
    var place = (point ?? digits.count) + exponent
    while digits.count > 1, digits.hasPrefix("0") {
      digits.removeFirst()
      place -= 1
    }
    while digits.count > 1, digits.hasSuffix("0") { digits.removeLast() }
    return (digits, place)
  }

  /// The number that a text denotes; `nil` for text that is not a number.
  package static func double(_ text: String) -> Double? {
    switch text.lowercased() {
    case "inf", "+inf", "infinity", "+infinity": .infinity
    case "-inf", "-infinity": -.infinity
    case "nan", "+nan", "-nan": .nan
    case "true": 1
    case "false": 0
    case let plain where plain.contains(where: { $0 == "x" || $0 == "n" || $0 == "p" }): nil
    case let plain: Double(plain)
    }
  }
}
