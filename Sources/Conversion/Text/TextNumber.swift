/// The shortest text that reads as the same number, in the form that C++'s `to_chars` chooses: the
/// shorter of `123.4` and `1.234e+02`.
func shortestText<T: BinaryFloatingPoint & CustomStringConvertible>(_ value: T) -> String {
  let sign = value.sign == .minus ? "-" : ""
  if value.isNaN { return sign + "nan" }
  if value.isInfinite { return sign + "inf" }
  if value == 0 { return sign + "0" }
  let (digits, exponent) = decimal(value.magnitude)
  let count = digits.utf8.count
  let fraction = digits.dropFirst()
  let power = (abs(exponent) < 10 ? "0" : "") + String(abs(exponent))
  let scientific =
    digits.prefix(1) + (fraction.isEmpty ? "" : "." + fraction)
    + (exponent < 0 ? "e-" : "e+") + power
  let length: Int
  if exponent >= count - 1 {
    length = exponent + 1
  } else {
    length = exponent >= 0 ? count + 1 : count + 1 - exponent
  }
  if length > scientific.utf8.count { return sign + scientific }
  if exponent >= count - 1 {
    if let exact = UInt128(exactly: value.magnitude) { return sign + String(exact) }
    return sign + digits + String(repeating: "0", count: exponent + 1 - count)
  }
  if exponent >= 0 {
    return sign + digits.prefix(exponent + 1) + "." + digits.dropFirst(exponent + 1)
  }
  return sign + "0." + String(repeating: "0", count: -exponent - 1) + digits
}

/// The shortest digits that identify a positive number, and the power of ten of the first.
private func decimal<T: BinaryFloatingPoint & CustomStringConvertible>(
  _ value: T
) -> (digits: String, exponent: Int) {
  var digits: [UInt8] = []
  var exponent = 0
  var pointAt: Int?
  var text = value.description.utf8[...]
  while let byte = text.popFirst() {
    if byte == UInt8(ascii: ".") {
      pointAt = digits.count
    } else if byte == UInt8(ascii: "e") {
      exponent = Int(String(text) ?? "") ?? 0
      break
    } else {
      digits.append(byte)
    }
  }
  exponent += (pointAt ?? digits.count) - 1
  let zeros = digits.prefix { $0 == UInt8(ascii: "0") }.count
  digits.removeFirst(zeros)
  exponent -= zeros
  while digits.last == UInt8(ascii: "0") { digits.removeLast() }
  return (String(decoding: digits, as: UTF8.self), exponent)
}
