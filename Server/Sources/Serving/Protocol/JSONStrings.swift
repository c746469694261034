extension JSONScanner {
  /// Reads a string.
  mutating func string() throws -> String {
    guard next() == UInt8(ascii: "\"") else { throw failure("a string") }
    position += 1
    let start = position
    while position < bytes.count {
      switch bytes[position] {
      case UInt8(ascii: "\""):
        let text = try text(bytes[start..<position])
        position += 1
        return text
      case UInt8(ascii: "\\"): return try escapedString(from: start)
      case 0..<0x20: throw failure("no control character in a string")
      default: position += 1
      }
    }
    throw failure("'\"'")
  }

  private func text(_ bytes: some Collection<UInt8>) throws -> String {
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw ServingError(.badRequest, "the string before byte \(position) is not valid UTF-8")
    }
    return text
  }

  /// The rest of a string in which `position` is the first escape.
  private mutating func escapedString(from start: Int) throws -> String {
    var contents = Array(bytes[start..<position])
    while position < bytes.count {
      let byte = bytes[position]
      switch byte {
      case UInt8(ascii: "\""):
        let text = try text(contents)
        position += 1
        return text
      case UInt8(ascii: "\\"):
        position += 1
        contents.append(contentsOf: UTF8.encode(try escape()) ?? .init())
      case 0..<0x20: throw failure("no control character in a string")
      default:
        contents.append(byte)
        position += 1
      }
    }
    throw failure("'\"'")
  }

  /// The character of an escape, after its backslash.
  private mutating func escape() throws -> UnicodeScalar {
    let byte = position < bytes.count ? bytes[position] : 0
    let scalar: UnicodeScalar
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): scalar = UnicodeScalar(byte)
    case UInt8(ascii: "b"): scalar = "\u{8}"
    case UInt8(ascii: "f"): scalar = "\u{c}"
    case UInt8(ascii: "n"): scalar = "\n"
    case UInt8(ascii: "r"): scalar = "\r"
    case UInt8(ascii: "t"): scalar = "\t"
    case UInt8(ascii: "u"): return try unicodeEscape()
    default: throw failure("an escape such as '\\n'")
    }
    position += 1
    return scalar
  }

  /// One code unit of UTF-16, or the two of a surrogate pair.
  private mutating func unicodeEscape() throws -> UnicodeScalar {
    let first = try codeUnit()
    if let scalar = UnicodeScalar(first) { return scalar }
    guard first < 0xDC00, word("\\") else { throw failure("a surrogate pair") }
    let second = try codeUnit()
    guard 0xDC00..<0xE000 ~= second,
      let scalar = UnicodeScalar(0x10000 + (first - 0xD800) << 10 + (second - 0xDC00))
    else { throw failure("a surrogate pair") }
    return scalar
  }

  /// Four hexadecimal digits after a `u`.
  private mutating func codeUnit() throws -> UInt32 {
    guard word("u"), bytes.count - position >= 4 else { throw failure("'u' and four digits") }
    var unit: UInt32 = 0
    for _ in 0..<4 {
      guard let digit = Character(UnicodeScalar(bytes[position])).hexDigitValue,
        bytes[position] < 0x80
      else { throw failure("a hexadecimal digit") }
      unit = unit << 4 | UInt32(digit)
      position += 1
    }
    return unit
  }
}
