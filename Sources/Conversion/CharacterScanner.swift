/// Scans a text whose tokens are separated by what `skipSpace` skips.
protocol CharacterScanner {
  var bytes: [UInt8] { get }
  /// The index of the next byte.
  var position: Int { get set }
  mutating func skipSpace()
}

extension CharacterScanner {
  /// An error at a position in the text, by default the current one.
  func error(_ message: String, at place: Int? = nil) -> ConversionError {
    ConversionError("\(linePosition(in: bytes, place ?? position)): \(message)")
  }

  /// The byte at `position`; `nil` at the end.
  var current: UInt8? { position < bytes.count ? bytes[position] : nil }

  /// The next character that is not skipped, an ASCII one or the byte of another; `nil` at the end.
  mutating func peek() -> Unicode.Scalar? {
    skipSpace()
    return current.map { Unicode.Scalar($0) }
  }

  /// The position of the next token.
  mutating func place() -> Int {
    skipSpace()
    return position
  }

  /// Skips the character if it comes next.
  mutating func take(_ character: Unicode.Scalar) -> Bool {
    guard peek() == character else { return false }
    position += 1
    return true
  }
}

/// The position of a byte for a message: `line 3, column 7`.
func linePosition(in bytes: [UInt8], _ place: Int) -> String {
  let before = bytes.prefix(place)
  let line = before.count { $0 == UInt8(ascii: "\n") } + 1
  let start = before.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
  return "line \(line), column \(before.count - start + 1)"
}
