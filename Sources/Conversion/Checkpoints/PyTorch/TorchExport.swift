import ONNXFormat

/// The archives of `torch.export.save` (`.pt2`): weights, buffers and constants beside a program, which
/// is not read. The forms are those of PyTorch since 2.1: checkpoints of `torch.save` within the
/// archive, or since 2.9 a file for each tensor with a table in JSON.
enum TorchExport: CheckpointFormat {
  static let name = ".pt2"

  /// Checkpoints in the archive, by the ends of their names.
  private static let nested = [
    "serialized_state_dict.pt", "serialized_constants.pt", "serialized_state_dict.json",
  ]

  static func matches(_ file: CheckpointFile) throws(FormatError) -> Bool {
    guard try file.isZipArchive() else { return false }
    return try ZipReader(ByteSource(file.input)).entries.contains {
      last($0.name) == "serialized_exported_program.json"
        || $0.name.hasSuffix("models/\(last($0.name))") && $0.name.hasSuffix(".json")
    }
  }

  private static func last(_ path: String) -> Substring {
    path.split(separator: "/").last ?? ""
  }

  static func read(_ file: CheckpointFile) throws(FormatError) -> Weights {
    let source = ByteSource(file.input)
    let zip = try ZipReader(source)
    try zip.checkSizes(of: zip.entries, fileSize: file.count)
    var reader = try Reader(file: file, source: source, zip: zip)
    for entry in zip.entries {
      let name = entry.name
      do throws(FormatError) {
        if name.hasSuffix("weights_config.json") || name.hasSuffix("constants_config.json") {
          try reader.addTable(entry)
        } else if nested.contains(String(last(name)))
          || name.hasSuffix(".pt")
            && (name.contains("data/weights/") || name.contains("data/constants/"))
        {
          try reader.addCheckpoint(entry)
        }
      } catch { throw error.within("entry \(name.quoted)") }
    }
    var weights = Weights(reader.named())
    weights.layout = .pyTorch
    return weights
  }
}

/// Collects the tensors of an archive, by the models in it.
private struct Reader {
  let file: CheckpointFile
  let source: ByteSource
  let zip: ZipReader
  private var found: [(model: String, entries: [Weights.Entry])] = []
  private var budget: MemoryBudget
  private var inflated: MemoryBudget
  private let isBigEndian: Bool

  init(file: CheckpointFile, source: ByteSource, zip: ZipReader) throws(FormatError) {
    self.file = file
    self.source = source
    self.zip = zip
    var size = 0
    var isBigEndian = false
    for entry in zip.entries {
      let (sum, overflow) = size.addingReportingOverflow(entry.size)
      size = overflow ? Int.max : sum
      if entry.name == "byteorder" || entry.name.hasSuffix("/byteorder") {
        isBigEndian = try zip.isBigEndian(entry, in: source)
      }
    }
    self.isBigEndian = isBigEndian
    budget = MemoryBudget(limit: file.limits.memoryLimit(fileSize: size))
    inflated = MemoryBudget(limit: file.limits.inflatedSize)
  }

  /// The tensors, with the model's name in front where the archive has several.
  func named() -> [Weights.Entry] {
    let isSingle = Set(found.map(\.model)).count < 2
    return found.flatMap { model, entries in
      isSingle
        ? entries
        : entries.map { entry in
          var entry = entry
          entry.name = "\(model).\(entry.name)"
          return entry
        }
    }
  }

  /// Adds the tensors of a checkpoint of `torch.save`.
  mutating func addCheckpoint(_ entry: ZipReader.Entry) throws(FormatError) {
    let data = try zip.data(of: entry, in: source)
    guard !entry.isCompressed else {
      throw FormatError(
        .unsupported("a compressed checkpoint in an archive; unpack it and read it by itself"))
    }
    guard !data.isEmpty else { return }
    let part = try InputFile(part: data, of: file.input)
    let weights = try TorchArchive(part, limits: file.limits).weights()
    let name = entry.name.split(separator: "/").last.map(String.init) ?? ""
    let isPlain = name.hasPrefix("serialized_")
    found.append((isPlain ? "" : String(name.dropLast(".pt".count)), weights.entries))
  }

  /// A tensor as the table describes it.
  private struct Row {
    var path: String?
    var isPickle = false
    var type: Int?
    var shape: [Int]?
    var strides: [Int]?
    var offset: Int?
  }

  /// Adds the tensors of a table such as `data/weights/model_weights_config.json`.
  mutating func addTable(_ entry: ZipReader.Entry) throws(FormatError) {
    let slash = entry.name.lastIndex(of: "/")
    let folder = slash.map { entry.name[...$0] } ?? ""
    let name = entry.name.dropFirst(folder.count)
    var model = name.dropLast(".json".count)
    for suffix in ["_weights_config", "_constants_config"] where model.hasSuffix(suffix) {
      model = model.dropLast(suffix.count)
    }
    var rows: [(name: String, row: Row)] = []
    do throws(ConversionError) {
      var scanner = JSONScanner(try text(of: entry))
      try scanner.members { (scanner, key) throws(ConversionError) in
        guard key == "config" else { return try scanner.skipValue() }
        try scanner.members { (scanner, key) throws(ConversionError) in
          rows.append((key, try Self.row(&scanner)))
        }
      }
      try scanner.expectEnd()
    } catch { throw FormatError(.invalid("\(error)")) }
    var payloads: [String: ZipReader.Entry] = [:]
    for entry in zip.entries where entry.name.hasPrefix(folder) {
      payloads[String(entry.name.dropFirst(folder.count))] = entry
    }
    let storages = ZipStorages(file.input, zip, payloads, isBigEndian: isBigEndian)
    var entries: [Weights.Entry] = []
    for (name, row) in rows {
      do throws(FormatError) {
        // A constant without a tensor is an object of Python.
        guard row.type != nil || !row.isPickle else { continue }
        let (tensor, storage) = try Self.tensor(row)
        entries.append(
          try Weights.entry(name, tensor, storage, in: storages, &budget, &inflated))
      } catch { throw error.within("tensor \(name.quoted)") }
    }
    found.append((String(model), entries))
  }

  private func text(of entry: ZipReader.Entry) throws(ConversionError) -> [UInt8] {
    do throws(FormatError) { return try zip.bytes(of: entry, in: source, limit: 64 << 20) } catch {
      throw ConversionError("\(error)")
    }
  }

  private static func row(_ scanner: inout JSONScanner) throws(ConversionError) -> Row {
    var row = Row()
    try scanner.members { (scanner, key) throws(ConversionError) in
      switch key {
      case "path_name": row.path = String(decoding: try scanner.string(), as: UTF8.self)
      case "use_pickle":
        row.isPickle = scanner.take(word: "true")
        if !row.isPickle { try scanner.skipValue() }
      case "tensor_meta" where scanner.peek() == "{":
        try scanner.members { (scanner, key) throws(ConversionError) in
          switch key {
          case "dtype": row.type = try scanner.size()
          case "sizes": row.shape = try Self.integers(&scanner)
          case "strides": row.strides = try Self.integers(&scanner)
          case "storage_offset": row.offset = try Self.integer(&scanner)
          case "layout":
            guard try scanner.size() == 7 else {
              throw scanner.error("a tensor is not strided")
            }
          default: try scanner.skipValue()
          }
        }
      default: try scanner.skipValue()
      }
    }
    return row
  }

  /// A list of `{"as_int": 3}`.
  private static func integers(_ scanner: inout JSONScanner) throws(ConversionError) -> [Int] {
    var values: [Int] = []
    try scanner.elements { (scanner) throws(ConversionError) in
      guard values.count < 64 else { throw scanner.error("more than 64 dimensions") }
      values.append(try integer(&scanner))
    }
    return values
  }

  private static func integer(_ scanner: inout JSONScanner) throws(ConversionError) -> Int {
    var value: Int?
    try scanner.members { (scanner, key) throws(ConversionError) in
      guard key == "as_int", value == nil else { throw scanner.error("expected as_int") }
      value = try scanner.size()
    }
    guard let value else { throw scanner.error("expected as_int") }
    return value
  }

  /// PyTorch's numbers of the element types.
  private static let types: [Int: ElementType] = [
    1: .uint8, 2: .int8, 3: .int16, 4: .int32, 5: .int64, 6: .float16, 7: .float32, 8: .float64,
    10: .complex64, 11: .complex128, 12: .bool, 13: .bfloat16, 28: .uint16, 29: .float8e4m3fn,
    30: .float8e5m2, 31: .float8e4m3fnuz, 32: .float8e5m2fnuz, 33: .float8e8m0, 34: .uint32,
    35: .uint64,
  ]

  private static func tensor(_ row: Row) throws(FormatError) -> (TorchTensor, TorchStorage) {
    guard !row.isPickle else {
      throw FormatError(.unsupported("tensors of a class of their own"))
    }
    guard let path = row.path, let number = row.type, let shape = row.shape,
      let strides = row.strides, strides.count == shape.count, let count = shape.elementCount
    else { throw FormatError(.invalid("its path, type, shape or strides are missing")) }
    guard let type = types[number] else {
      throw FormatError(.unsupported("PyTorch's element type \(number)"))
    }
    let offset = row.offset ?? 0
    var last = offset
    if count > 0 {
      for (size, stride) in Swift.zip(shape, strides) {
        let (step, overflow) = (size - 1).multipliedReportingOverflow(by: stride)
        let (sum, carry) = last.addingReportingOverflow(step)
        guard !overflow, !carry, sum < 1 << 56 else {
          throw FormatError(.invalid("it exceeds its storage"))
        }
        last = sum
      }
    }
    return (
      TorchTensor(storage: 0, elementType: type, offset: offset, shape: shape, strides: strides),
      TorchStorage(key: path, elementType: type, count: last + 1)
    )
  }
}

extension JSONScanner {
  /// A whole number of 0 or more, below 2⁵⁶.
  fileprivate mutating func size() throws(ConversionError) -> Int {
    let start = place()
    guard let value = try number().flatMap({ Int($0) }), (0..<1 << 56).contains(value) else {
      throw error("expected a size", at: start)
    }
    return value
  }
}
