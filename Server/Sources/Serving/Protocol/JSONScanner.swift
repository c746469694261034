/// Reads JSON from front to back. Whoever uses it says what is expected next, so that numbers go
/// into a tensor's memory without anything in between.
///
/// Beyond the standard it reads the numbers `NaN`, `Infinity` and `-Infinity`.
struct JSONScanner {
  /// The text.
  let bytes: UnsafeBufferPointer<UInt8>
  /// The index of the next byte.
  var position = 0
  private var depth = 0

  /// Arrays and objects within each other: more than any tensor has axes.
  static let maxDepth = 72

  /// Begins at the first byte.
  init(_ bytes: UnsafeBufferPointer<UInt8>) { self.bytes = bytes }

  /// The error for something else than what was expected.
  func failure(_ expected: String) -> ServingError {
    ServingError(.badRequest, "invalid JSON at byte \(position): expected \(expected)")
  }

  /// The next byte that is no white space, which stays; 0 at the end.
  mutating func next() -> UInt8 {
    while position < bytes.count {
      let byte = bytes[position]
      guard
        byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\n") || byte == UInt8(ascii: "\r")
          || byte == UInt8(ascii: "\t")
      else { return byte }
      position += 1
    }
    return 0
  }

  /// Reads an object.
  /// - Parameter member: reads the value of a key
  mutating func object(_ member: (inout JSONScanner, String) throws -> Void) throws {
    try begin(UInt8(ascii: "{"), "an object")
    guard next() != UInt8(ascii: "}") else { return end() }
    repeat {
      let key = try string()
      guard next() == UInt8(ascii: ":") else { throw failure("':'") }
      position += 1
      try member(&self, key)
    } while try hasMore(before: UInt8(ascii: "}"))
    end()
  }

  /// Reads an object in which a member of value `null` is as good as none.
  /// - Parameter member: reads the value of a key
  mutating func members(_ member: (inout JSONScanner, String) throws -> Void) throws {
    try object { scanner, key in
      _ = scanner.next()
      if !scanner.word("null") { try member(&scanner, key) }
    }
  }

  /// Reads an array.
  /// - Parameter element: reads an element
  mutating func array(_ element: (inout JSONScanner) throws -> Void) throws {
    try begin(UInt8(ascii: "["), "an array")
    guard next() != UInt8(ascii: "]") else { return end() }
    repeat { try element(&self) } while try hasMore(before: UInt8(ascii: "]"))
    end()
  }

  private mutating func begin(_ bracket: UInt8, _ what: String) throws {
    guard next() == bracket else { throw failure(what) }
    guard depth < Self.maxDepth else { throw tooDeep }
    depth += 1
    position += 1
  }

  private mutating func end() {
    depth -= 1
    position += 1
  }

  private mutating func hasMore(before close: UInt8) throws -> Bool {
    let byte = next()
    if byte == close { return false }
    guard byte == UInt8(ascii: ",") else {
      throw failure("',' or '\(Character(UnicodeScalar(close)))'")
    }
    position += 1
    return true
  }

  private var tooDeep: ServingError {
    ServingError(.badRequest, "the JSON is nested more than \(Self.maxDepth) deep")
  }

  /// Checks that nothing but white space follows.
  mutating func finish() throws {
    _ = next()
    guard position == bytes.count else { throw failure("the end") }
  }

  /// Passes over a value of any kind.
  mutating func skip() throws {
    switch next() {
    case UInt8(ascii: "{"): try object { scanner, _ in try scanner.skip() }
    case UInt8(ascii: "["): try array { scanner in try scanner.skip() }
    case UInt8(ascii: "\""): _ = try string()
    case UInt8(ascii: "t"), UInt8(ascii: "f"): _ = try bool()
    case UInt8(ascii: "n"): guard word("null") else { throw failure("a value") }
    default: _ = try double()
    }
  }

  /// Reads `true` or `false`.
  mutating func bool() throws -> Bool {
    _ = next()
    if word("true") { return true }
    if word("false") { return false }
    throw failure("true or false")
  }

  /// Passes over this word if it is next.
  mutating func word(_ word: StaticString) -> Bool {
    let count = word.utf8CodeUnitCount
    guard bytes.count - position >= count else { return false }
    for index in 0..<count where bytes[position + index] != word.utf8Start[index] { return false }
    position += count
    return true
  }

  /// Reads the elements of an array, which may be nested in any way, in order.
  /// - Throws: `ServingError` for another number of elements than the buffer has
  mutating func elements<T: TensorElement>(into buffer: UnsafeMutableBufferPointer<T>) throws {
    var index = 0
    var level = 0
    var expectsValue = true
    repeat {
      let byte = next()
      if expectsValue {
        if byte == UInt8(ascii: "[") {
          guard depth + level < Self.maxDepth else { throw tooDeep }
          level += 1
          position += 1
          expectsValue = next() != UInt8(ascii: "]")
        } else {
          guard level > 0 else { throw failure("an array") }
          guard index < buffer.count else {
            throw ServingError(
              .badRequest, "the data has more elements than the \(buffer.count) of the shape")
          }
          buffer[index] = try T.read(&self)
          index += 1
          expectsValue = false
        }
      } else if byte == UInt8(ascii: ",") {
        position += 1
        expectsValue = true
      } else if byte == UInt8(ascii: "]") {
        position += 1
        level -= 1
      } else {
        throw failure("',' or ']'")
      }
    } while level > 0
    guard index == buffer.count else {
      throw ServingError(
        .badRequest, "the data has \(index) elements, but the shape has \(buffer.count)")
    }
  }
}
