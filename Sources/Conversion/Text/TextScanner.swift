import ONNX

/// Scans the standard's text syntax: words, numbers and quoted strings.
struct TextScanner: CharacterScanner {
  enum Literal {
    /// The text of an integer.
    case integer(String)
    /// The text of a number with a point or an exponent, or of an infinity or NaN.
    case float(String)
    case string([UInt8])
  }

  let bytes: [UInt8]
  var position = 0

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  /// Skips white space and comments, which begin with `#`.
  mutating func skipSpace() {
    while let byte = current {
      if byte == UInt8(ascii: "#") {
        while let byte = current, byte != UInt8(ascii: "\n") { position += 1 }
      } else if byte == 0x20 || (0x09...0x0D).contains(byte) {
        position += 1
      } else {
        return
      }
    }
  }

  mutating func expect(_ character: Unicode.Scalar) throws(ConversionError) {
    guard take(character) else { throw error("expected '\(character)', found \(found())") }
  }

  /// `=>`
  mutating func expectArrow() throws(ConversionError) {
    guard take("="), current == UInt8(ascii: ">") else {
      throw error("expected '=>', found \(found())")
    }
    position += 1
  }

  /// The next characters, for a message.
  mutating func found() -> String {
    guard peek() != nil else { return "the end" }
    let rest = bytes[position...].prefix(20).prefix { !(0x09...0x0D).contains($0) }
    return String(decoding: rest, as: UTF8.self).quoted
  }

  var isAtEnd: Bool {
    mutating get { peek() == nil }
  }

  /// A word of letters, digits and `_` that does not begin with a digit; empty where there is none.
  mutating func word() -> String {
    skipSpace()
    let start = position
    while let byte = current, byte.isWordByte, position > start || !byte.isDigit { position += 1 }
    return String(decoding: bytes[start..<position], as: UTF8.self)
  }

  /// The next word. The position does not change.
  mutating func peekWord() -> String {
    skipSpace()
    let start = position
    defer { position = start }
    return word()
  }

  /// The contents of a quoted string. A `\` escapes the character after it.
  mutating func quoted() throws(ConversionError) -> [UInt8] {
    let start = place()
    try expect("\"")
    var text: [UInt8] = []
    while var byte = current, byte != UInt8(ascii: "\"") {
      if byte == UInt8(ascii: "\\") {
        position += 1
        guard let escaped = current else { break }
        byte = escaped
      }
      text.append(byte)
      position += 1
    }
    guard current != nil else { throw error("a quoted string is not terminated", at: start) }
    position += 1
    return text
  }

  /// A name, which is a word or a quoted string; `nil` where there is neither.
  mutating func optionalName() throws(ConversionError) -> String? {
    if peek() == "\"" {
      let start = position
      return try text(try quoted(), from: start)
    }
    let name = word()
    return name.isEmpty ? nil : name
  }

  mutating func name() throws(ConversionError) -> String {
    guard let name = try optionalName() else { throw error("expected a name, found \(found())") }
    return name
  }

  /// A quoted string in UTF-8.
  mutating func quotedText() throws(ConversionError) -> String {
    let start = place()
    guard peek() == "\"" else { throw error("expected a quoted string, found \(found())") }
    return try text(try quoted(), from: start)
  }

  private func text(_ bytes: [UInt8], from start: Int) throws(ConversionError) -> String {
    guard !bytes.contains(0), let text = String(validating: bytes, as: UTF8.self) else {
      throw error("a string has a NUL character or is not valid UTF-8", at: start)
    }
    return text
  }

  /// Whether the next word is `inf`, `infinity` or `nan`, in upper or lower case.
  mutating func isAtFloatWord() -> Bool {
    ["inf", "infinity", "nan"].contains(peekWord().lowercased())
  }

  mutating func literal() throws(ConversionError) -> Literal {
    if peek() == "\"" { return .string(try quoted()) }
    let start = position
    if current == UInt8(ascii: "-") { position += 1 }
    let digits = position
    if let byte = current, byte.isWordByte, !byte.isDigit {
      let isNumber = isAtFloatWord()
      let text = word()
      guard isNumber, position > digits else {
        position = start
        throw error("expected a value, found \(found())")
      }
      return .float((digits > start ? "-" : "") + text.lowercased())
    }
    skipDigits()
    guard position > digits else {
      position = start
      throw error("expected a value, found \(found())")
    }
    var isFloat = false
    if current == UInt8(ascii: ".") {
      isFloat = true
      position += 1
      skipDigits()
    }
    if current == UInt8(ascii: "e") || current == UInt8(ascii: "E") {
      isFloat = true
      position += 1
      if current == UInt8(ascii: "+") || current == UInt8(ascii: "-") { position += 1 }
      let exponent = position
      skipDigits()
      guard position > exponent else {
        throw error("a number lacks the digits of its exponent", at: start)
      }
    }
    let text = String(decoding: bytes[start..<position], as: UTF8.self)
    return isFloat ? .float(text) : .integer(text)
  }

  private mutating func skipDigits() {
    while let byte = current, byte.isDigit { position += 1 }
  }

  /// An integer of a type.
  mutating func integer<T: FixedWidthInteger>(_ type: T.Type = T.self) throws(ConversionError) -> T
  {
    let start = place()
    guard case .integer(let text) = try literal() else {
      throw error("expected an integer", at: start)
    }
    guard let value = T(text) else {
      throw error("\(text.quoted) is out of range, \(T.min) to \(T.max)", at: start)
    }
    return value
  }

  /// A number, an infinity or NaN. A number that is too small becomes 0.
  mutating func float<T: LosslessStringConvertible & BinaryFloatingPoint>(
    _ type: T.Type = T.self
  ) throws(ConversionError) -> T {
    let start = place()
    switch try literal() {
    case .integer(let text), .float(let text): return try float(text, at: start)
    case .string: throw error("expected a number", at: start)
    }
  }

  /// The value of a literal.
  func float<T: LosslessStringConvertible & BinaryFloatingPoint>(
    _ text: String, at start: Int
  ) throws(ConversionError) -> T {
    switch text {
    case "nan": return .nan
    case "-nan": return -.nan
    case "inf", "infinity": return .infinity
    case "-inf", "-infinity": return -.infinity
    default:
      guard let value = T(text), value.isFinite else {
        throw error("\(text.quoted) is out of the range of \(T.self)", at: start)
      }
      return value
    }
  }
}

extension UInt8 {
  var isDigit: Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(self) }
  /// A letter, a digit or `_`.
  var isWordByte: Bool {
    isDigit || self == UInt8(ascii: "_")
      || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(self | 0x20)
  }
}
