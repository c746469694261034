import ArgumentParser

/// Parses a number of bytes: `1000000`, `16MB`, `2GiB`. Units are powers of 1000 or, with an `i`, of
/// 1024; `K`, `M`, `G` and `T` alone stand for `KB` to `TB`.
/// - Throws: `ValidationError` for any other text, or more bytes than memory can have
package func parseBytes(_ text: String) throws -> Int {
  let digits = text.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
  var unit = text.dropFirst(digits.count).drop { $0 == " " }.uppercased()
  if unit.hasSuffix("B") { unit.removeLast() }
  let isBinary = unit.hasSuffix("I")
  if isBinary { unit.removeLast() }
  guard let power = ["", "K", "M", "G", "T"].firstIndex(of: unit), !isBinary || power > 0,
    let number = Double(digits)
  else { throw ValidationError("expected bytes, as in 1000000, 16MB or 2GiB") }
  let factor = (0..<power).reduce(1.0) { product, _ in product * (isBinary ? 1024 : 1000) }
  guard let bytes = Int(exactly: (number * factor).rounded()), bytes < 1 << 50 else {
    throw ValidationError("expected less than 1024 TiB")
  }
  return bytes
}
