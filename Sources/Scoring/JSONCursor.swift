import ONNXFormat
import ONNXSupport

/// Scans one line of JSON (RFC 8259). The byte behind the line belongs to no number.
struct JSONCursor {
  private let bytes: UnsafeBufferPointer<UInt8>
  private(set) var position = 0
  private static let deepest = 64

  init(_ bytes: UnsafeBufferPointer<UInt8>) { self.bytes = bytes }

  private var current: UInt8? { position < bytes.count ? bytes[position] : nil }

  private func error(_ expected: String) -> Failure {
    let found =
      current == nil
      ? "the end of the line"
      : "\(String(decoding: bytes[position..<min(position + 12, bytes.count)], as: UTF8.self).quoted)"
    return Failure("byte \(position + 1): expected \(expected), found \(found)")
  }

  mutating func skipSpace() {
    while let byte = current, byte == 0x20 || byte == 0x09 || byte == 0x0D { position += 1 }
  }

  /// Takes a punctuation mark, if it comes next.
  mutating func take(_ mark: Unicode.Scalar) -> Bool {
    skipSpace()
    guard current == UInt8(ascii: mark) else { return false }
    position += 1
    return true
  }

  mutating func expect(_ mark: Unicode.Scalar) throws {
    guard take(mark) else { throw error("'\(mark)'") }
  }

  func checkEnd() throws {
    var rest = self
    rest.skipSpace()
    guard rest.current == nil else { throw rest.error("one object on a line") }
  }

  /// The bytes from a position on, up to here.
  func text(from start: Int) -> String { String(decoding: bytes[start..<position], as: UTF8.self) }

  /// A string without its quotes and escapes.
  mutating func string() throws -> String {
    try expect("\"")
    let start = position
    var isPlain = true
    while let byte = current, byte != UInt8(ascii: "\"") {
      if byte == UInt8(ascii: "\\") {
        isPlain = false
        position += 1
      }
      guard byte >= 0x20 else { throw error("a text without control characters") }
      position += 1
    }
    guard current != nil else { throw error("a closing quote") }
    let body = bytes[start..<position]
    position += 1
    guard let text = String(validating: body, as: UTF8.self) else {
      position = start
      throw error("text in UTF-8")
    }
    return isPlain ? text : try unescaped(Array(body))
  }

  private func unescaped(_ body: [UInt8]) throws -> String {
    var text: [UInt8] = []
    var units: [UInt16] = []
    var index = 0
    func flush() {
      text += Array(String(decoding: units, as: UTF16.self).utf8)
      units = []
    }
    while index < body.count {
      guard body[index] == UInt8(ascii: "\\") else {
        flush()
        text.append(body[index])
        index += 1
        continue
      }
      let mark = body[index + 1]
      index += 2
      if mark == UInt8(ascii: "u") {
        guard index + 4 <= body.count,
          let unit = UInt16(String(decoding: body[index..<index + 4], as: UTF8.self), radix: 16)
        else { throw error("four hexadecimal digits after \\u") }
        units.append(unit)
        index += 4
        continue
      }
      flush()
      let known: [UInt8: UInt8] = [
        0x22: 0x22, 0x5C: 0x5C, 0x2F: 0x2F, 0x62: 8, 0x66: 12, 0x6E: 10, 0x72: 13, 0x74: 9,
      ]
      guard let byte = known[mark] else { throw error("an escape sequence of JSON") }
      text.append(byte)
    }
    flush()
    return String(decoding: text, as: UTF8.self)
  }

  /// The bytes of a number or name.
  private mutating func word() throws -> UnsafeBufferPointer<UInt8> {
    skipSpace()
    let start = position
    while let byte = current, byte != 0x2C, byte != 0x5D, byte != 0x7D, byte > 0x20,
      byte != 0x22, byte != 0x5B, byte != 0x7B, byte != 0x3A
    { position += 1 }
    guard position > start else { throw error("a value") }
    return UnsafeBufferPointer(rebasing: bytes[start..<position])
  }

  /// Skips a value of any kind.
  mutating func skipValue(depth: Int = 0) throws {
    guard depth < Self.deepest else { throw error("at most \(Self.deepest) nested values") }
    skipSpace()
    switch current {
    case UInt8(ascii: "\""): _ = try string()
    case UInt8(ascii: "["):
      position += 1
      if take("]") { return }
      repeat { try skipValue(depth: depth + 1) } while take(",")
      try expect("]")
    case UInt8(ascii: "{"):
      position += 1
      if take("}") { return }
      repeat {
        skipSpace()
        _ = try string()
        try expect(":")
        try skipValue(depth: depth + 1)
      } while take(",")
      try expect("}")
    default:
      let start = position
      let word = try word()
      let text = String(decoding: word, as: UTF8.self)
      // Names such as "inf" and hexadecimal numbers are none in JSON.
      let isNumber =
        word[0] != UInt8(ascii: "+") && word.allSatisfy { $0 < 0x40 || $0 | 0x20 == 0x65 }
        && Double(text) != nil
      guard
        isNumber || ["true", "false", "null", "NaN", "Infinity", "-Infinity"].contains(text)
      else {
        position = start
        throw error("a value")
      }
    }
  }

  /// Appends the elements of a value: a number, text or truth value, or nested arrays of them.
  mutating func elements(into buffer: inout ElementBuffer, depth: Int = 0) throws {
    skipSpace()
    switch current {
    case UInt8(ascii: "["):
      guard depth < Self.deepest else { throw error("at most \(Self.deepest) nested arrays") }
      position += 1
      if take("]") { return }
      repeat { try elements(into: &buffer, depth: depth + 1) } while take(",")
      try expect("]")
    case UInt8(ascii: "\"") where buffer.type == .string: buffer.append(try string())
    default:
      let start = position
      let word = current == UInt8(ascii: "\"") ? nil : try word()
      guard let word, buffer.append(text: word) else {
        position = start
        throw error("\(buffer.type)")
      }
    }
  }
}
