import Glibc

/// The shortest decimal that tells a floating-point number from its neighbours:
/// `0.d₁d₂… · 10^exponent`.
struct ShortestDecimal {
  let value: Double
  /// The number as Swift writes it.
  let description: String
  /// Decimal digits without zeros at either end; none for 0.
  let digits: [Character]
  let exponent: Int

  init<T: BinaryFloatingPoint & LosslessStringConvertible>(_ number: T) {
    value = Double(number)
    description = number.description
    guard value.isFinite, value != 0 else {
      digits = []
      exponent = 1
      return
    }
    let parts = description.drop { $0 == "-" }.split(separator: "e")
    let mantissa = parts[0].split(separator: ".", omittingEmptySubsequences: false)
    var digits = Array(mantissa.joined())
    var exponent = mantissa[0].count + (parts.count > 1 ? Int(parts[1]) ?? 0 : 0)
    while digits.first == "0" {
      digits.removeFirst()
      exponent -= 1
    }
    while digits.last == "0" { digits.removeLast() }
    self.digits = digits
    self.exponent = exponent
  }

  /// The digits before and after the point, at most six after it.
  var positional: (whole: String, fraction: String) {
    guard digits.count - exponent <= DecimalColumn.precision else {
      let parts = abs(value).text("%.\(DecimalColumn.precision)f").split(separator: ".")
      return (String(parts[0]), parts[1].withoutTrailingZeros)
    }
    if digits.isEmpty || exponent <= 0 {
      return ("0", String(repeating: "0", count: -min(exponent, 0)) + String(digits))
    }
    let zeros = String(repeating: "0", count: max(0, exponent - digits.count))
    return (String(digits.prefix(exponent)) + zeros, String(digits.dropFirst(exponent)))
  }

  /// The digit before the point, those after it, at most six, and the exponent.
  var scientific: (whole: String, fraction: String, exponent: Int) {
    guard digits.count - 1 > DecimalColumn.precision else {
      return (
        String(digits.first ?? "0"), String(digits.dropFirst()), digits.isEmpty ? 0 : exponent - 1
      )
    }
    let parts = abs(value).text("%.\(DecimalColumn.precision)e").split(separator: "e")
    return (
      String(parts[0].prefix(1)), parts[0].dropFirst(2).withoutTrailingZeros, Int(parts[1]) ?? 0
    )
  }
}

extension Substring {
  fileprivate var withoutTrailingZeros: String {
    var text = self
    while text.last == "0" { text.removeLast() }
    return String(text)
  }
}

/// The common form of the floating-point numbers of one array: `FloatingFormat` in
/// numpy/_core/arrayprint.py, with a precision of six digits.
struct DecimalColumn {
  static let precision = 6
  private let isScientific: Bool
  private let showsPlus: Bool
  /// The widths before and after the point, and of an exponent's digits.
  private var (left, right, exponent) = (0, 0, 2)

  /// - Parameter positional: the sizes of numbers that are printed without an exponent
  init(_ numbers: [ShortestDecimal], positional: Range<Double>, showsPlus: Bool = false) {
    self.showsPlus = showsPlus
    let finite = numbers.filter(\.value.isFinite)
    let sizes = finite.lazy.map { abs($0.value) }.filter { $0 != 0 }
    let (most, least) = (sizes.max() ?? 1, sizes.min() ?? 1)
    isScientific =
      most >= positional.upperBound || least < positional.lowerBound || most / least > 1000
    for number in finite {
      let sign = sign(of: number.value).count
      if isScientific {
        let (whole, fraction, power) = number.scientific
        left = max(left, sign + whole.count)
        right = max(right, fraction.count)
        exponent = max(exponent, "\(abs(power))".count)
      } else {
        let (whole, fraction) = number.positional
        left = max(left, sign + whole.count)
        right = max(right, fraction.count)
      }
    }
    for number in numbers where !number.value.isFinite {
      left = max(left, name(of: number.value).count - tail)
    }
  }

  /// The width of all that follows the whole digits.
  private var tail: Int { 1 + right + (isScientific ? 2 + exponent : 0) }

  private func sign(of value: Double) -> String {
    value.sign == .minus ? "-" : showsPlus ? "+" : ""
  }

  private func name(of value: Double) -> String {
    value.isNaN ? (showsPlus ? "+nan" : "nan") : sign(of: value) + "inf"
  }

  func text(_ number: ShortestDecimal) -> String {
    guard number.value.isFinite else { return padded(name(of: number.value), to: left + tail) }
    if isScientific {
      // With as many digits as the longest, which may be more than tell it from its neighbours.
      let parts = abs(number.value).text("%.\(right)e").split(separator: "e")
      let zeros = String(repeating: "0", count: exponent + 1 - parts[1].count)
      return padded(sign(of: number.value) + parts[0].prefix(1), to: left) + "."
        + parts[0].dropFirst(2) + "e" + parts[1].prefix(1) + zeros + parts[1].dropFirst()
    }
    let (whole, fraction) = number.positional
    return padded(sign(of: number.value) + whole, to: left) + "." + fraction
      + String(repeating: " ", count: right - fraction.count)
  }

  private func padded(_ text: String, to width: Int) -> String {
    String(repeating: " ", count: max(0, width - text.count)) + text
  }
}

extension Double {
  /// The number as `printf` formats it.
  /// - Parameter format: a conversion of one `Double`, such as `%.6g`
  package func text(_ format: String) -> String {
    var buffer = [CChar](repeating: 0, count: 400)
    let count = withVaList([self]) { vsnprintf(&buffer, buffer.count, format, $0) }
    let bytes = buffer.prefix(max(0, min(Int(count), buffer.count - 1)))
    return String(decoding: bytes.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}
