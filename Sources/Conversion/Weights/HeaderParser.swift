import ONNXFormat

/// Reads the JSON of a safetensors header: objects, strings and lists of sizes.
struct HeaderParser {
  private let text: [UInt8]
  private var position = 0

  init(_ text: [UInt8]) { self.text = text }

  func error(_ message: String) -> FormatError {
    FormatError(.malformed(message, offset: 8 + position))
  }

  private var next: UInt8? { position < text.count ? text[position] : nil }

  private mutating func skipSpace() {
    while let byte = next, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 {
      position += 1
    }
  }

  private mutating func accept(_ character: Unicode.Scalar) -> Bool {
    skipSpace()
    guard next == UInt8(ascii: character) else { return false }
    position += 1
    return true
  }

  private mutating func expect(_ character: Unicode.Scalar) throws(FormatError) {
    guard accept(character) else { throw error("expected '\(character)' in the header") }
  }

  /// Nothing but spaces may follow.
  mutating func end() throws(FormatError) {
    skipSpace()
    guard next == nil else { throw error("the header goes on behind its object") }
  }

  /// An object, whose values `body` reads.
  mutating func members(
    _ body: (inout HeaderParser, String) throws(FormatError) -> Void
  ) throws(FormatError) {
    try expect("{")
    if accept("}") { return }
    repeat {
      let key = try string()
      try expect(":")
      try body(&self, key)
    } while accept(",")
    try expect("}")
  }

  /// A list of at most `limit` sizes.
  mutating func integers(limit: Int) throws(FormatError) -> [Int] {
    var values: [Int] = []
    try expect("[")
    if accept("]") { return [] }
    repeat {
      guard values.count < limit else { throw error("a list of more than \(limit) numbers") }
      values.append(try integer())
    } while accept(",")
    try expect("]")
    return values
  }

  private mutating func integer() throws(FormatError) -> Int {
    skipSpace()
    let start = position
    while let byte = next, (0x30...0x39).contains(byte) { position += 1 }
    guard let value = Int(String(decoding: text[start..<position], as: UTF8.self)) else {
      throw error("expected a size in the header")
    }
    return value
  }

  mutating func string() throws(FormatError) -> String {
    try expect("\"")
    var bytes: [UInt8] = []
    while true {
      guard let byte = next, byte >= 0x20 else { throw error("a string of the header is cut") }
      position += 1
      switch byte {
      case UInt8(ascii: "\""):
        guard let string = String(validating: bytes, as: UTF8.self) else {
          throw error("a string of the header is not UTF-8")
        }
        return string
      case UInt8(ascii: "\\"): bytes += try escape()
      default: bytes.append(byte)
      }
    }
  }

  /// What stands behind a backslash.
  private mutating func escape() throws(FormatError) -> [UInt8] {
    guard let byte = next else { throw error("a string of the header is cut") }
    position += 1
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return [byte]
    case UInt8(ascii: "b"): return [8]
    case UInt8(ascii: "f"): return [12]
    case UInt8(ascii: "n"): return [10]
    case UInt8(ascii: "r"): return [13]
    case UInt8(ascii: "t"): return [9]
    case UInt8(ascii: "u"):
      var code = try hexadecimal()
      if (0xD800..<0xDC00).contains(code), position + 1 < text.count,
        text[position] == UInt8(ascii: "\\"), text[position + 1] == UInt8(ascii: "u")
      {
        position += 2
        let low = try hexadecimal()
        guard (0xDC00..<0xE000).contains(low) else { throw error("half a character") }
        code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
      }
      guard let scalar = Unicode.Scalar(code) else { throw error("half a character") }
      return Array(String(scalar).utf8)
    default: throw error("an unknown escape in a string")
    }
  }

  private mutating func hexadecimal() throws(FormatError) -> UInt32 {
    guard position + 4 <= text.count else { throw error("a string of the header is cut") }
    var code: UInt32 = 0
    for byte in text[position..<position + 4] {
      guard let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
        throw error("an unknown escape in a string")
      }
      code = code << 4 | UInt32(digit)
    }
    position += 4
    return code
  }
}
