import ONNXFormat

/// The table of a safetensors file: 8 bytes of length, lowest first, and a JSON object of that length
/// which says of each tensor `{"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}`, counted
/// from the table's end; `__metadata__` is an object of strings.
struct SafetensorsHeader {
  struct Item {
    var name: String
    var elementType: ElementType
    var shape: [Int]
    /// Where the tensor lies, counted from the beginning of the data.
    var range: Range<Int>
  }

  var items: [Item] = []
  var metadata: [MetadataEntry] = []
  /// Where the data begins in the file.
  let dataStart: Int

  /// The longest header that is read, as in the format's own library.
  private static let longest = 100_000_000

  /// The names of the element types in the file.
  static let types: [(name: String, type: ElementType)] = [
    ("F32", .float32), ("F64", .float64), ("F16", .float16), ("BF16", .bfloat16), ("I64", .int64),
    ("I32", .int32), ("I16", .int16), ("I8", .int8), ("U64", .uint64), ("U32", .uint32),
    ("U16", .uint16), ("U8", .uint8), ("BOOL", .bool), ("F8_E4M3", .float8e4m3fn),
    ("F8_E5M2", .float8e5m2), ("F8_E4M3FNUZ", .float8e4m3fnuz), ("F8_E5M2FNUZ", .float8e5m2fnuz),
    ("F8_E8M0", .float8e8m0), ("F6_E2M3", .float6e2m3), ("F6_E3M2", .float6e3m2),
    ("F4", .float4e2m1), ("C64", .complex64),
  ]

  /// Whether a file that begins so is a safetensors file, or means to be one.
  static func isOne(_ head: [UInt8], fileSize: Int) -> Bool {
    guard head.count >= 10, head[8] == UInt8(ascii: "{") else { return false }
    let length = littleEndian(head[..<8])
    return length <= UInt64(fileSize) || head[9] == UInt8(ascii: "\"")
  }

  private static func littleEndian(_ bytes: ArraySlice<UInt8>) -> UInt64 {
    bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) }
  }

  init(_ file: InputFile) throws(FormatError) {
    let source = ByteSource(file)
    guard file.count >= 8 else {
      throw FormatError(.malformed("the header is cut", offset: file.count))
    }
    let length = Self.littleEndian(try source.bytes(0..<8)[...])
    guard length <= UInt64(Self.longest) else {
      throw FormatError(.limit("a header of \(length) bytes is longer than \(Self.longest)"))
    }
    guard length <= UInt64(file.count - 8) else {
      throw FormatError(.malformed("the header of \(length) bytes is cut", offset: file.count))
    }
    dataStart = 8 + Int(length)
    var parser = HeaderParser(try source.bytes(8..<dataStart))
    var names: Set<String> = []
    try parser.members { (parser, key) throws(FormatError) in
      guard names.insert(key).inserted else {
        throw parser.error("the header names \(key.quoted) twice")
      }
      if key == "__metadata__" {
        var keys: Set<String> = []
        try parser.members { (parser, key) throws(FormatError) in
          guard keys.insert(key).inserted else {
            throw parser.error("the metadata name \(key.quoted) twice")
          }
          metadata.append(MetadataEntry(key: key, value: try parser.string()))
        }
      } else {
        items.append(try Self.item(key, &parser))
      }
    }
    try parser.end()
    try check(dataSize: file.count - dataStart)
  }

  private static func item(
    _ name: String, _ parser: inout HeaderParser
  ) throws(FormatError) -> Item {
    var type: ElementType?
    var shape: [Int]?
    var offsets: [Int]?
    try parser.members { (parser, key) throws(FormatError) in
      switch key {
      case "dtype" where type == nil:
        let name = try parser.string()
        type = types.first { $0.name == name }?.type
        if type == nil { throw FormatError(.unsupported("elements of type \(name.quoted)")) }
      case "shape" where shape == nil: shape = try parser.integers(limit: 64)
      case "data_offsets" where offsets == nil: offsets = try parser.integers(limit: 2)
      default: throw parser.error("tensor \(name.quoted) has an unknown or second \(key.quoted)")
      }
    }
    guard let type, let shape, let offsets, offsets.count == 2 else {
      throw parser.error("tensor \(name.quoted) lacks dtype, shape or data_offsets")
    }
    guard let count = shape.elementCount, let bits = type.bitsInFile,
      case let (total, overflow) = count.multipliedReportingOverflow(by: bits), !overflow,
      total % 8 == 0, offsets[0] <= offsets[1], offsets[1] - offsets[0] == total / 8
    else {
      throw FormatError(
        .invalid(
          "tensor \(name.quoted): bytes \(offsets[0]) to \(offsets[1]) do not hold \(type) \(shape)"
        ))
    }
    return Item(
      name: name, elementType: type, shape: shape, range: offsets[0]..<offsets[1])
  }

  /// The tensors fill the data without gaps, and none lies in another.
  private func check(dataSize: Int) throws(FormatError) {
    var end = 0
    for item in items.sorted(by: {
      ($0.range.lowerBound, $0.range.upperBound) < ($1.range.lowerBound, $1.range.upperBound)
    }) {
      guard item.range.upperBound <= dataSize else {
        throw FormatError(
          .invalid(
            "tensor \(item.name.quoted) ends at byte \(item.range.upperBound) of \(dataSize)"))
      }
      guard item.range.lowerBound == end else {
        throw FormatError(
          .invalid(
            "tensor \(item.name.quoted) begins at byte \(item.range.lowerBound), where "
              + "\(item.range.lowerBound < end ? "another lies" : "the one before ends at \(end)")"
          ))
      }
      end = item.range.upperBound
    }
    guard end == dataSize else {
      throw FormatError(.invalid("\(dataSize - end) bytes behind the tensors belong to none"))
    }
  }
}
