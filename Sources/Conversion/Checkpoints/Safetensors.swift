import ONNX

/// Safetensors: a JSON header and the elements of each tensor.
enum SafetensorsFile: WritableCheckpointFormat {
  static let name = "safetensors"
  static let fileExtension = "safetensors"

  static func matches(_ file: CheckpointFile) throws(FormatError) -> Bool {
    SafetensorsHeader.matches(try file.prefix(16), fileSize: file.count)
  }

  static func read(_ file: CheckpointFile) throws(FormatError) -> Weights {
    let input = file.input
    let header = try SafetensorsHeader(input)
    let start = header.dataStart
    var weights = Weights(
      header.items.map { item in
        Weights.Entry(item.name, item.elementType, item.shape) { () throws(FormatError) in
          try Tensor(
            item.elementType, item.shape, in: input,
            at: start + item.range.lowerBound..<start + item.range.upperBound)
        }
      })
    weights.metadata = header.metadata
    if header.metadata.contains(where: { $0.key == "format" && $0.value == "pt" }) {
      weights.layout = .pyTorch
    }
    return weights
  }

  /// The largest elements come first, so that each tensor is aligned to its elements, and the data
  /// begin at a multiple of 64 bytes.
  static func write(_ weights: Weights, to path: String) throws(FormatError) {
    let (entries, metadata) = (weights.entries, weights.metadata)
    let types = try entries.map { (entry) throws(FormatError) in try storedType(of: entry) }
    let order = entries.indices.sorted {
      (types[$1].type.bitsInFile ?? 0, $0) < (types[$0].type.bitsInFile ?? 0, $1)
    }
    var ranges = [Range<Int>](repeating: 0..<0, count: entries.count)
    var end = 0
    for index in order {
      let size = try storedSize(of: entries[index], types[index].type)
      let (next, overflow) = end.addingReportingOverflow(size)
      guard !overflow else { throw FormatError(.limit("the tensors together are too large")) }
      ranges[index] = end..<next
      end = next
    }
    var text = "{"
    if !metadata.isEmpty {
      let pairs = metadata.map { $0.key.asJSON + ":" + $0.value.asJSON }
      text += "\"__metadata__\":{\(pairs.joined(separator: ","))}"
    }
    for (index, entry) in entries.enumerated() {
      if text.utf8.count > 1 { text += "," }
      let shape = entry.shape.map(String.init).joined(separator: ",")
      text += "\(entry.name.asJSON):{\"dtype\":\"\(types[index].name)\",\"shape\":[\(shape)],"
      text += "\"data_offsets\":[\(ranges[index].lowerBound),\(ranges[index].upperBound)]}"
    }
    text += "}"
    let alignment = 64
    text += String(
      repeating: " ", count: (alignment - (8 + text.utf8.count) % alignment) % alignment)

    let file = try OutputFile(path)
    var head: [UInt8] = []
    for byte in 0..<8 { head.append(UInt8(truncatingIfNeeded: text.utf8.count >> (8 * byte))) }
    try file.write(head + Array(text.utf8))
    for index in order {
      let tensor = try entries[index].tensor()
      if types[index].type == tensor.elementType {
        try tensor.forEachPackedPiece { (bytes) throws(FormatError) in try file.write(bytes) }
      } else {
        try tensor.withUnsafeBytes { (bytes) throws(FormatError) in try file.write(bytes) }
      }
    }
    try file.commit()
  }

  /// The type under which a tensor is stored. Integers of less than 8 bits, which the format lacks,
  /// take a byte.
  private static func storedType(
    of entry: Weights.Entry
  ) throws(FormatError) -> (name: String, type: ElementType) {
    let type: ElementType =
      switch entry.elementType {
      case .int4, .int2: .int8
      case .uint4, .uint2: .uint8
      default: entry.elementType
      }
    guard let stored = SafetensorsHeader.types.first(where: { $0.type == type }) else {
      throw FormatError(
        .unsupported("\(type) in a safetensors file"), in: "tensor \(entry.name.quoted)")
    }
    return stored
  }

  private static func storedSize(
    of entry: Weights.Entry, _ type: ElementType
  ) throws(FormatError) -> Int {
    guard let count = entry.shape.elementCount, let bits = type.bitsInFile,
      case let (total, overflow) = count.multipliedReportingOverflow(by: bits), !overflow,
      total % 8 == 0
    else {
      throw FormatError(
        .unsupported("\(type) \(entry.shape), which does not fill its last byte"),
        in: "tensor \(entry.name.quoted)")
    }
    return total / 8
  }
}

extension Tensor {
  /// Reads a tensor whose elements are stored in a file like the standard's `raw_data`.
  init(
    _ elementType: ElementType, _ shape: [Int], in file: InputFile, at range: Range<Int>
  ) throws(FormatError) {
    do throws(TensorError) {
      self = try Tensor(uninitialized: elementType, shape: shape)
    } catch { throw FormatError(.invalid(error.description)) }
    guard elementType.bytesInFile(count) == range.count else {
      throw FormatError(.invalid("\(range.count) bytes do not fill \(elementType) \(shape)"))
    }
    try file.read(
      range.count, at: range.lowerBound,
      into: storage.pointer + elementType.packedOffset(count: count))
    unpackInPlace()
  }
}

extension OutputFile {
  func write(_ bytes: [UInt8]) throws(FormatError) {
    let result: Result<Void, FormatError> = bytes.withUnsafeBytes { buffer in
      Result { () throws(FormatError) in try write(buffer) }
    }
    try result.get()
  }
}
