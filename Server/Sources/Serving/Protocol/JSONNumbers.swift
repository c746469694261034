import Foundation

extension JSONScanner {
  /// Reads an integer, exactly.
  mutating func integer<T: FixedWidthInteger>() throws -> T {
    _ = next()
    let start = position
    let isNegative = word("-")
    let first = position
    var magnitude: UInt64 = 0
    var overflows = false
    while let digit = digit() {
      let (tens, carry) = magnitude.multipliedReportingOverflow(by: 10)
      let (sum, carry2) = tens.addingReportingOverflow(digit)
      magnitude = sum
      overflows = overflows || carry || carry2
    }
    guard position > first, position == first + 1 || bytes[first] != UInt8(ascii: "0") else {
      position = start
      throw failure("an integer")
    }
    if word(".") || word("e") || word("E") {
      throw failure("an integer, without a fraction or an exponent")
    }
    let value: T? =
      if overflows {
        nil
      } else if isNegative {
        // The magnitude of the least Int64 is no Int64.
        magnitude <= 1 << 63 ? T(exactly: Int64(truncatingIfNeeded: 0 &- magnitude)) : nil
      } else {
        T(exactly: magnitude)
      }
    guard let value else { throw outOfRange("\(T.min) to \(T.max)") }
    return value
  }

  /// The error for the number that ends here.
  func outOfRange(_ range: String) -> ServingError {
    ServingError(.badRequest, "the number before byte \(position) is out of the range of \(range)")
  }

  /// Reads a float64: the nearest to the text.
  mutating func double() throws -> Double {
    if let special = special() { return special }
    let number = try decimal()
    let value =
      number.double(digits: 1 << 53) ?? parsed(number, { Foundation.strtod($0, nil) })
    guard value.isFinite else { throw outOfRange("FP64") }
    return value
  }

  /// Reads a float32: the nearest to the text.
  mutating func float() throws -> Float {
    if let special = special() { return Float(special) }
    let number = try decimal()
    // The float64 is at most two units in its last place away from the text. Both round to the same
    // float32 unless the middle between two of them is as near.
    let value: Float
    if let double = number.double(digits: .max),
      abs(Int(double.bitPattern & 0x1FFF_FFFF) - 0x1000_0000) > 4
    {
      value = Float(double)
    } else {
      value = parsed(number, { Foundation.strtof($0, nil) })
    }
    guard value.isFinite else { throw outOfRange("FP32") }
    return value
  }

  private mutating func special() -> Double? {
    switch next() {
    case UInt8(ascii: "N"): word("NaN") ? .nan : nil
    case UInt8(ascii: "I"): word("Infinity") ? .infinity : nil
    case UInt8(ascii: "-"): word("-Infinity") ? -.infinity : nil
    default: nil
    }
  }

  private mutating func digit() -> UInt64? {
    guard position < bytes.count else { return nil }
    let digit = bytes[position] &- UInt8(ascii: "0")
    guard digit < 10 else { return nil }
    position += 1
    return UInt64(digit)
  }

  /// A number as its text states it: `± digits · 10^exponent`.
  private struct Decimal {
    /// The index of its first byte.
    var start: Int
    var isNegative = false
    /// The first 19 digits that count.
    var digits: UInt64 = 0
    var exponent = 0
    /// Whether there are no other digits.
    var isComplete = true
    private var count = 0

    init(start: Int) { self.start = start }

    mutating func append(_ digit: UInt64, isFraction: Bool) {
      if count < 19 {
        digits = digits &* 10 &+ digit
        if digits > 0 { count += 1 }
        if isFraction { exponent -= 1 }
      } else {
        isComplete = false
      }
    }

    /// The number, rounded once for each of at most two steps; `nil` where it takes more care, or has
    /// more digits than those.
    func double(digits limit: UInt64) -> Double? {
      guard isComplete, digits <= limit, abs(exponent) < Self.powers.count else { return nil }
      let power = Self.powers[abs(exponent)]
      let value = exponent < 0 ? Double(digits) / power : Double(digits) * power
      return isNegative ? -value : value
    }

    /// The powers of ten that are exact.
    private static let powers = (0...22).map { power in
      (0..<power).reduce(1.0) { product, _ in product * 10 }
    }
  }

  /// Reads a number in the form that JSON states.
  private mutating func decimal() throws -> Decimal {
    var number = Decimal(start: position)
    number.isNegative = word("-")
    let first = position
    while let digit = digit() { number.append(digit, isFraction: false) }
    guard position > first, position == first + 1 || bytes[first] != UInt8(ascii: "0") else {
      position = first
      throw failure("a number")
    }
    if word(".") {
      let first = position
      while let digit = digit() { number.append(digit, isFraction: true) }
      guard position > first else { throw failure("a digit") }
    }
    if word("e") || word("E") {
      let isNegative = word("-")
      if !isNegative { _ = word("+") }
      let first = position
      var exponent = 0
      while let digit = digit() { exponent = min(exponent * 10 + Int(digit), 1_000_000) }
      guard position > first else { throw failure("a digit") }
      number.exponent += isNegative ? -exponent : exponent
    }
    guard position - number.start <= Self.longestNumber else {
      throw ServingError(
        .badRequest, "a number has more than \(Self.longestNumber) characters")
    }
    return number
  }

  private static var longestNumber: Int { 1000 }

  private func parsed<T>(_ number: Decimal, _ parse: (UnsafePointer<CChar>) -> T) -> T {
    let text = bytes[number.start..<position]
    return withUnsafeTemporaryAllocation(of: CChar.self, capacity: text.count + 1) { copy in
      for (index, byte) in text.enumerated() { copy[index] = CChar(bitPattern: byte) }
      copy[text.count] = 0
      return parse(UnsafePointer(copy.baseAddress.unsafelyUnwrapped))
    }
  }
}
