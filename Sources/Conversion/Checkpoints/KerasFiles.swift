import ONNX

/// HDF5 files, among them the weights and models of Keras (`.h5`, `.weights.h5`). Each dataset is a
/// tensor, by its path.
enum HDF5Weights: CheckpointFormat {
  static let name = "HDF5 (Keras .h5)"

  static func matches(_ file: CheckpointFile) throws(FormatError) -> Bool {
    try HDF5File.start(HDF5Source(file.input, 0..<file.count)) != nil
  }

  static func read(_ file: CheckpointFile) throws(FormatError) -> Weights {
    let source = HDF5Source(file.input, 0..<file.count)
    return try Weights(HDF5File(source), size: file.count, limits: file.limits)
  }
}

/// The archives of Keras 3 (`.keras`): a zip file with `model.weights.h5`.
enum KerasArchive: CheckpointFormat {
  static let name = ".keras"
  private static let weightsName = "model.weights.h5"

  static func matches(_ file: CheckpointFile) throws(FormatError) -> Bool {
    guard try file.isZipArchive() else { return false }
    return try ZipReader(ByteSource(file.input)).entries.contains { $0.name == weightsName }
  }

  static func read(_ file: CheckpointFile) throws(FormatError) -> Weights {
    let bytes = ByteSource(file.input)
    let zip = try ZipReader(bytes)
    guard let entry = zip.entries.first(where: { $0.name == weightsName }) else {
      throw FormatError(.invalid("it has no \(weightsName)"))
    }
    let data = try zip.data(of: entry, in: bytes)
    let source: HDF5Source
    if entry.isCompressed {
      var budget = MemoryBudget(limit: file.limits.inflatedSize)
      try budget.take(entry.size)
      guard entry.size / 1032 <= data.count else {
        throw FormatError(.malformed("a compressed entry is damaged", offset: data.lowerBound))
      }
      source = HDF5Source(
        file.input, memory: try InflatingInput(bytes, data, size: entry.size).bytes(entry.size))
    } else {
      source = HDF5Source(file.input, data)
    }
    return try Weights(HDF5File(source), size: source.count, limits: file.limits)
  }
}

extension Weights {
  /// The datasets of an HDF5 file, in the order of Keras' layers where the file states it.
  /// - Parameter size: the bytes of the file
  /// - Throws: `FormatError` beyond the limits
  init(_ file: HDF5File, size: Int, limits: ReadingLimits) throws(FormatError) {
    var plain = MemoryBudget(limit: size)
    var unpacked = MemoryBudget(limit: limits.inflatedSize)
    var entries: [Entry] = []
    for item in file.items {
      let dataset = item.dataset
      do throws(FormatError) {
        switch dataset.layout {
        case .contiguous(.some, _), .compact: try plain.take(dataset.byteCount)
        case .contiguous(nil, _), .chunked: try unpacked.take(dataset.byteCount)
        }
      } catch { throw error.within("dataset \(item.path.quoted)") }
      entries.append(
        Entry(item.path, dataset.type.elementType, dataset.shape) { () throws(FormatError) in
          try dataset.tensor()
        })
    }
    self.init(entries)
  }
}
