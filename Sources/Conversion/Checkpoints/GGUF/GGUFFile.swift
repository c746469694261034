import ONNX

/// GGUF, the format of llama.cpp (versions 2 and 3, little-endian): metadata, a table of tensors, and
/// their elements, which may be quantised in blocks. Quantised tensors are read as float32.
enum GGUFFile: CheckpointFormat {
  static let name = "GGUF"

  static func matches(_ file: CheckpointFile) throws(FormatError) -> Bool {
    try file.prefix(4) == Array("GGUF".utf8)
  }

  static func read(_ file: CheckpointFile) throws(FormatError) -> Weights {
    let table = try GGUFTable(file.input)
    let input = file.input
    var weights = Weights(
      table.items.map { item in
        Weights.Entry(item.name, item.type.elementType, item.shape) { () throws(FormatError) in
          try item.type.tensor(item.shape, in: input, at: item.range)
        }
      })
    weights.metadata = table.metadata
    // The rows of a matrix are the outputs, as in PyTorch.
    weights.layout = .pyTorch
    return weights
  }
}

/// The metadata and the table of tensors of a GGUF file.
struct GGUFTable {
  struct Item: Sendable {
    let name: String
    let type: GGMLType
    let shape: [Int]
    /// The bytes of the tensor in the file.
    let range: Range<Int>
  }

  private(set) var items: [Item] = []
  private(set) var metadata: [MetadataEntry] = []

  private let source: ByteSource
  private var position = 4
  private var alignment = 32
  /// Bytes of names and texts that are kept.
  private var textSize = 0
  private static let textLimit = 64 << 20
  private static let countLimit = 1_000_000

  init(_ file: InputFile) throws(FormatError) {
    source = ByteSource(file)
    let version = try number(4)
    guard version == 2 || version == 3 else {
      throw FormatError(
        .unsupported(
          version >> 16 != 0
            ? "GGUF files with the highest byte first" : "version \(version) of GGUF"))
    }
    let tensors = try size()
    let pairs = try size()
    guard tensors <= Self.countLimit, pairs <= Self.countLimit else {
      throw FormatError(.limit("\(tensors) tensors and \(pairs) pairs of metadata"))
    }
    for _ in 0..<pairs { try readPair() }
    var entries: [(name: String, type: GGMLType, shape: [Int], offset: Int)] = []
    for _ in 0..<tensors { entries.append(try entry()) }
    let start = (position + alignment - 1) / alignment * alignment
    for entry in entries {
      do throws(FormatError) {
        guard entry.offset % alignment == 0 else {
          throw FormatError(.invalid("it begins at \(entry.offset), which is not aligned"))
        }
        guard let size = entry.type.byteCount(entry.shape) else {
          throw FormatError(
            .invalid("\(entry.type.name) \(entry.shape) does not consist of whole blocks"))
        }
        let (first, overflow) = entry.offset.addingReportingOverflow(start)
        guard !overflow, first <= file.count, size <= file.count - first else {
          throw FormatError(
            .invalid(
              "its \(size) bytes at \(entry.offset) of the data are not within the file, which is "
                + "cut off or damaged"))
        }
        items.append(
          Item(
            name: entry.name, type: entry.type, shape: entry.shape, range: first..<first + size))
      } catch { throw error.within("tensor \(entry.name.quoted)") }
    }
    try checkOverlaps()
  }

  private func checkOverlaps() throws(FormatError) {
    var end = 0
    let sorted = items.filter { !$0.range.isEmpty }
      .sorted { $0.range.lowerBound < $1.range.lowerBound }
    for item in sorted {
      guard item.range.lowerBound >= end else {
        throw FormatError(.invalid("tensor \(item.name.quoted) begins within another tensor"))
      }
      end = item.range.upperBound
    }
  }

  // MARK: Numbers and texts

  private mutating func number(_ size: Int) throws(FormatError) -> UInt64 {
    guard size <= source.count - position else {
      throw FormatError(
        .malformed("the GGUF file is cut off within its tables", offset: source.count))
    }
    let bytes = try source.bytes(position..<position + size)
    position += size
    return bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) }
  }

  private mutating func size() throws(FormatError) -> Int {
    let value = try number(8)
    guard value < 1 << 56 else {
      throw FormatError(.malformed("a size of \(value) in the GGUF file", offset: position - 8))
    }
    return Int(value)
  }

  private mutating func text() throws(FormatError) -> String {
    let length = try size()
    textSize += length
    guard length <= source.count - position else {
      throw FormatError(.malformed("a text of \(length) bytes is cut off", offset: position))
    }
    guard textSize <= Self.textLimit else {
      throw FormatError(.limit("texts of more than \(Self.textLimit) bytes"))
    }
    defer { position += length }
    return String(decoding: try source.bytes(position..<position + length), as: UTF8.self)
  }

  private mutating func skip(_ count: Int, _ width: Int) throws(FormatError) {
    let (bytes, overflow) = count.multipliedReportingOverflow(by: width)
    guard !overflow, bytes <= source.count - position else {
      throw FormatError(.malformed("a list of \(count) elements is cut off", offset: position))
    }
    position += bytes
  }

  // MARK: Parts

  /// The widths of the numbers by the number of their type; 8 is a text and 9 a list.
  private static let widths = [1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8]

  /// Reads a pair of metadata. Texts and numbers are kept, lists are not.
  private mutating func readPair() throws(FormatError) {
    let key = try text()
    let kind = Int(try number(4))
    var value: String?
    switch kind {
    case 8: value = try text()
    case 9: try skipList(depth: 0)
    case 0..<Self.widths.count:
      let bits = try number(Self.widths[kind])
      if key == "general.alignment" {
        guard kind == 4, bits > 0, bits <= 1 << 20, bits & (bits - 1) == 0 else {
          throw FormatError(.invalid("the alignment \(bits)"))
        }
        alignment = Int(bits)
      }
      value = Self.description(bits, kind)
    default:
      throw FormatError(.malformed("metadata \(key.quoted) of type \(kind)", offset: position - 4))
    }
    if let value, value.utf8.count <= 1 << 16 {
      metadata.append(MetadataEntry(key: key, value: value))
    }
  }

  private static func description(_ bits: UInt64, _ kind: Int) -> String {
    switch kind {
    case 1: "\(Int8(truncatingIfNeeded: bits))"
    case 3: "\(Int16(truncatingIfNeeded: bits))"
    case 5: "\(Int32(truncatingIfNeeded: bits))"
    case 6: "\(Float(bitPattern: UInt32(truncatingIfNeeded: bits)))"
    case 7: bits == 0 ? "false" : "true"
    case 11: "\(Int64(bitPattern: bits))"
    case 12: "\(Double(bitPattern: bits))"
    default: "\(bits)"
    }
  }

  private mutating func skipList(depth: Int) throws(FormatError) {
    let kind = Int(try number(4))
    let count = try size()
    guard depth < 4, kind < Self.widths.count else {
      throw FormatError(.malformed("a list of type \(kind)", offset: position - 12))
    }
    switch kind {
    case 8:
      // Each text has a length of 8 bytes, so the count is bounded by the file.
      for _ in 0..<count { try skip(try size(), 1) }
    case 9: for _ in 0..<count { try skipList(depth: depth + 1) }
    default: try skip(count, Self.widths[kind])
    }
  }

  private mutating func entry() throws(FormatError) -> (
    name: String, type: GGMLType, shape: [Int], offset: Int
  ) {
    let name = try text()
    let rank = try number(4)
    guard rank <= 8 else {
      throw FormatError(.malformed("\(rank) dimensions", offset: position - 4))
    }
    var shape: [Int] = []
    for _ in 0..<rank { shape.append(try size()) }
    let number = try number(4)
    do throws(FormatError) {
      // The innermost dimension is first.
      return (name, try GGMLType(number), shape.reversed(), try size())
    } catch { throw error.within("tensor \(name.quoted)") }
  }
}
