extension JSONScanner {
  private static let nesting = 32

  /// Scans an object. `body` scans the value of each key.
  mutating func members(
    _ body: (inout JSONScanner, String) throws(ConversionError) -> Void
  ) throws(ConversionError) {
    try expect("{")
    if take("}") { return }
    repeat {
      let key = String(decoding: try string(), as: UTF8.self)
      try expect(":")
      try body(&self, key)
    } while take(",")
    try expect("}")
  }

  /// Scans an array. `body` scans each element.
  mutating func elements(
    _ body: (inout JSONScanner) throws(ConversionError) -> Void
  ) throws(ConversionError) {
    try expect("[")
    if take("]") { return }
    repeat { try body(&self) } while take(",")
    try expect("]")
  }

  /// An array of at most `limit` integers that are not negative.
  mutating func sizes(limit: Int) throws(ConversionError) -> [Int] {
    var values: [Int] = []
    try elements { (scanner) throws(ConversionError) in
      guard values.count < limit else {
        throw scanner.error("expected at most \(limit) numbers")
      }
      let start = scanner.place()
      guard let value = try scanner.number().flatMap({ Int($0) }), value >= 0 else {
        throw scanner.error("expected a size", at: start)
      }
      values.append(value)
    }
    return values
  }

  /// Skips a value of any kind.
  mutating func skipValue(depth: Int = 0) throws(ConversionError) {
    guard depth < Self.nesting else { throw error("nested deeper than \(Self.nesting)") }
    switch peek() {
    case "{":
      try members { (scanner, _) throws(ConversionError) in
        try scanner.skipValue(depth: depth + 1)
      }
    case "[":
      try elements { (scanner) throws(ConversionError) in
        try scanner.skipValue(depth: depth + 1)
      }
    case "\"": _ = try string()
    default:
      if try number() != nil { return }
      for word in ["null", "true", "false"] where take(word: word) { return }
      throw error("expected a value")
    }
  }

  /// - Throws: `ConversionError` where anything but white space follows
  mutating func expectEnd() throws(ConversionError) {
    if peek() != nil { throw error("expected the end") }
  }
}
