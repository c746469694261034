import ONNX

/// A recursive-descent parser of the standard's text syntax.
struct TextParser {
  var scanner: TextScanner
  let externalData: TextExternalData
  private var depth = 0
  private var room: Int

  init(_ bytes: [UInt8], externalFolder: String?, options: ReadingOptions) {
    scanner = TextScanner(bytes)
    externalData = TextExternalData(folder: externalFolder, options: options)
    room = bytes.count.multipliedReportingOverflow(by: Self.memoryPerByte).partialValue + 64 << 20
  }

  /// The limit of memory for each byte of text, in bytes, and the limit of nesting of graphs and types.
  private static let memoryPerByte = 32
  private static let nesting = 32
  static let rank = 64

  /// Counts memory against the limit.
  /// - Throws: `ConversionError` where the model needs too much for its length
  mutating func take(_ count: Int) throws(ConversionError) {
    room -= count
    if room < 0 { throw scanner.error("the model needs too much memory for its length") }
  }

  /// Calls `body` one level deeper.
  /// - Throws: `ConversionError` where nesting is too deep
  mutating func nested<R>(
    _ body: (inout TextParser) throws(ConversionError) -> R
  ) throws(ConversionError) -> R {
    guard depth < Self.nesting else {
      throw scanner.error("nested deeper than \(Self.nesting)")
    }
    depth += 1
    defer { depth -= 1 }
    return try body(&self)
  }

  /// Elements between `open` and `close`, separated by commas.
  mutating func list<R>(
    _ open: Unicode.Scalar, _ close: Unicode.Scalar,
    _ element: (inout TextParser) throws(ConversionError) -> R
  ) throws(ConversionError) -> [R] {
    try scanner.expect(open)
    var elements: [R] = []
    if scanner.take(close) { return elements }
    repeat { elements.append(try element(&self)) } while scanner.take(",")
    try scanner.expect(close)
    return elements
  }

  /// Pairs of quoted keys and values, in brackets.
  mutating func entries() throws(ConversionError) -> [MetadataEntry] {
    try list("[", "]") { (parser) throws(ConversionError) in
      try parser.take(MemoryLayout<MetadataEntry>.stride)
      let key = try parser.scanner.quotedText()
      try parser.scanner.expect(":")
      return MetadataEntry(key: key, value: try parser.scanner.quotedText())
    }
  }
}
