import ONNX

/// The header of a safetensors file: 8 bytes of its length, lowest first, and a JSON object of that
/// length, which describes each tensor by
/// `{"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}`. The offsets count from the end of the
/// header. `__metadata__` is an object of strings.
struct SafetensorsHeader {
  struct Item {
    var name: String
    var elementType: ElementType
    var shape: [Int]
    /// The bytes of the tensor, counted from the beginning of the data.
    var range: Range<Int>
  }

  private(set) var items: [Item] = []
  private(set) var metadata: [MetadataEntry] = []
  /// The offset of the data in the file.
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

  /// Whether a file with this beginning is a safetensors file, damaged or not.
  static func matches(_ head: [UInt8], fileSize: Int) -> Bool {
    guard head.count >= 10, head[8] == UInt8(ascii: "{") else { return false }
    return length(head) <= UInt64(fileSize) || head[9] == UInt8(ascii: "\"")
  }

  private static func length(_ head: [UInt8]) -> UInt64 {
    head.prefix(8).reversed().reduce(0) { $0 << 8 | UInt64($1) }
  }

  init(_ file: InputFile) throws(FormatError) {
    let source = ByteSource(file)
    guard file.count >= 8 else {
      throw FormatError(.malformed("the header is truncated", offset: file.count))
    }
    let length = Self.length(try source.bytes(0..<8))
    guard length <= UInt64(Self.longest) else {
      throw FormatError(.limit("a header of \(length) bytes; the limit is \(Self.longest)"))
    }
    guard length <= UInt64(file.count - 8) else {
      throw FormatError(
        .malformed("the header of \(length) bytes is truncated", offset: file.count))
    }
    dataStart = 8 + Int(length)
    var entries: [Entry] = []
    do throws(ConversionError) {
      var scanner = JSONScanner(try source.bytes(8..<dataStart, for: "the header"))
      (entries, metadata) = try Self.entries(&scanner)
    } catch { throw FormatError(.invalid("header: \(error)")) }
    for entry in entries { items.append(try Self.item(entry)) }
    try check(dataSize: file.count - dataStart)
  }

  /// A tensor as the JSON describes it.
  private struct Entry {
    let name: String
    var type: String?
    var shape: [Int]?
    var offsets: [Int]?
  }

  private static func entries(
    _ scanner: inout JSONScanner
  ) throws(ConversionError) -> ([Entry], [MetadataEntry]) {
    var entries: [Entry] = []
    var metadata: [MetadataEntry] = []
    var names: Set<String> = []
    try scanner.members { (scanner, name) throws(ConversionError) in
      guard names.insert(name).inserted else {
        throw scanner.error("\(name.quoted) appears twice")
      }
      if name == "__metadata__" {
        var keys: Set<String> = []
        try scanner.members { (scanner, key) throws(ConversionError) in
          guard keys.insert(key).inserted else {
            throw scanner.error("the metadata key \(key.quoted) appears twice")
          }
          let value = String(decoding: try scanner.string(), as: UTF8.self)
          metadata.append(MetadataEntry(key: key, value: value))
        }
      } else {
        entries.append(try entry(name, &scanner))
      }
    }
    try scanner.expectEnd()
    return (entries, metadata)
  }

  private static func entry(
    _ name: String, _ scanner: inout JSONScanner
  ) throws(ConversionError) -> Entry {
    var entry = Entry(name: name)
    try scanner.members { (scanner, key) throws(ConversionError) in
      switch key {
      case "dtype" where entry.type == nil:
        entry.type = String(decoding: try scanner.string(), as: UTF8.self)
      case "shape" where entry.shape == nil: entry.shape = try scanner.sizes(limit: 64)
      case "data_offsets" where entry.offsets == nil:
        entry.offsets = try scanner.sizes(limit: 2)
      default:
        throw scanner.error("tensor \(name.quoted) has an unknown or repeated key \(key.quoted)")
      }
    }
    return entry
  }

  private static func item(_ entry: Entry) throws(FormatError) -> Item {
    let name = entry.name
    guard let typeName = entry.type, let shape = entry.shape, let offsets = entry.offsets,
      offsets.count == 2
    else {
      throw FormatError(
        .invalid("tensor \(name.quoted) lacks dtype, shape or data_offsets"))
    }
    guard let type = types.first(where: { $0.name == typeName })?.type else {
      throw FormatError(
        .unsupported("elements of type \(typeName.quoted)"), in: "tensor \(name.quoted)")
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
    return Item(name: name, elementType: type, shape: shape, range: offsets[0]..<offsets[1])
  }

  /// Checks that the tensors fill the data without gaps or overlaps.
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
            "tensor \(item.name.quoted) begins at byte \(item.range.lowerBound), "
              + (item.range.lowerBound < end
                ? "within another tensor" : "but the tensor before it ends at \(end)")))
      }
      end = item.range.upperBound
    }
    guard end == dataSize else {
      throw FormatError(.invalid("\(dataSize - end) bytes after the last tensor belong to none"))
    }
  }
}

extension ByteSource {
  /// The bytes of a range as the text of a JSON scanner.
  func bytes(_ range: Range<Int>, for purpose: String) throws(ConversionError) -> [UInt8] {
    do throws(FormatError) { return try bytes(range) } catch {
      throw ConversionError("\(purpose): \(error)")
    }
  }
}
