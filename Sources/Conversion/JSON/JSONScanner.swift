/// Scans JSON (RFC 8259): punctuation, strings and numbers.
struct JSONScanner: CharacterScanner {
  let bytes: [UInt8]
  var position = 0

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  mutating func skipSpace() {
    while let byte = current, byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D {
      position += 1
    }
  }

  mutating func expect(_ character: Unicode.Scalar) throws(ConversionError) {
    guard take(character) else {
      throw error("expected '\(character)', found \(peek().map { "'\($0)'" } ?? "the end")")
    }
  }

  /// Skips a literal name such as `null` if it comes next.
  mutating func take(word: String) -> Bool {
    skipSpace()
    guard bytes[position...].starts(with: word.utf8) else { return false }
    position += word.utf8.count
    return true
  }

  /// The text of the next number; `nil` where something else comes next.
  mutating func number() throws(ConversionError) -> String? {
    let start = place()
    if current == UInt8(ascii: "-") { position += 1 }
    let digits = position
    skipDigits()
    if position == digits {
      position = start
      return nil
    }
    if bytes[digits] == UInt8(ascii: "0"), position > digits + 1 {
      throw error("a number has a leading zero", at: start)
    }
    if current == UInt8(ascii: ".") {
      position += 1
      try requireDigits(start)
    }
    if current == UInt8(ascii: "e") || current == UInt8(ascii: "E") {
      position += 1
      if current == UInt8(ascii: "+") || current == UInt8(ascii: "-") { position += 1 }
      try requireDigits(start)
    }
    return String(decoding: bytes[start..<position], as: UTF8.self)
  }

  private mutating func requireDigits(_ start: Int) throws(ConversionError) {
    let digits = position
    skipDigits()
    if position == digits { throw error("a number lacks digits", at: start) }
  }

  private mutating func skipDigits() {
    while let byte = current, byte.isDigit { position += 1 }
  }

  /// The contents of a string, in UTF-8.
  mutating func string() throws(ConversionError) -> [UInt8] {
    let start = place()
    try expect("\"")
    var text: [UInt8] = []
    var isASCII = true
    while let byte = current, byte != UInt8(ascii: "\"") {
      if byte < 0x20 { throw error("a string holds a control character") }
      if byte == UInt8(ascii: "\\") {
        position += 1
        try escape(&text, start)
      } else {
        isASCII = isASCII && byte < 0x80
        text.append(byte)
        position += 1
      }
    }
    guard current != nil else { throw error("a string is not terminated", at: start) }
    position += 1
    guard isASCII || String(validating: text, as: UTF8.self) != nil else {
      throw error("a string is not valid UTF-8", at: start)
    }
    return text
  }

  /// The character that an escape sequence stands for, after its `\`.
  private mutating func escape(_ text: inout [UInt8], _ start: Int) throws(ConversionError) {
    guard let byte = current else { throw error("a string is not terminated", at: start) }
    position += 1
    switch Unicode.Scalar(byte) {
    case "\"", "\\", "/": text.append(byte)
    case "b": text.append(0x08)
    case "f": text.append(0x0C)
    case "n": text.append(0x0A)
    case "r": text.append(0x0D)
    case "t": text.append(0x09)
    case "u":
      var code = try hexadecimal()
      if (0xD800..<0xDC00).contains(code), current == UInt8(ascii: "\\") {
        position += 1
        guard current == UInt8(ascii: "u") else { throw error("an unpaired surrogate") }
        position += 1
        let low = try hexadecimal()
        guard (0xDC00..<0xE000).contains(low) else { throw error("an unpaired surrogate") }
        code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
      }
      guard let scalar = Unicode.Scalar(code) else { throw error("an unpaired surrogate") }
      text.append(contentsOf: String(Character(scalar)).utf8)
    default: throw error("unknown escape sequence", at: position - 1)
    }
  }

  private mutating func hexadecimal() throws(ConversionError) -> UInt32 {
    var value: UInt32 = 0
    for _ in 0..<4 {
      guard let byte = current, let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
        throw error("expected four hexadecimal digits")
      }
      value = value << 4 | UInt32(digit)
      position += 1
    }
    return value
  }
}
