import ONNXFormat

/// What a file to be converted holds, by its first bytes.
public enum FileKind: Sendable, Hashable {
  /// An ONNX model, or nothing that is known.
  case model
  case safetensors
  case numPyArchive
  case numPyArray
  /// `torch.save` as a zip file.
  case torchArchive
  /// `torch.save` before PyTorch 1.6.
  case torchLegacy
  /// The table of a checkpoint in several files, as JSON.
  case shardIndex

  /// - Throws: `FormatError` with the path, where the file cannot be read.
  public init(ofFile path: String) throws(FormatError) {
    self = try inFile(path) { () throws(FormatError) in
      let file = try InputFile(path)
      guard file.count > 0 else { throw FormatError(.invalid("the file is empty")) }
      let source = ByteSource(file)
      let head = try source.bytes(0..<min(16, file.count))
      if head.starts(with: [0x93] + Array("NUMPY".utf8)) { return .numPyArray }
      if head.starts(with: [0x50, 0x4B, 3, 4]) || head.starts(with: [0x50, 0x4B, 5, 6]) {
        return try ZipReader(source).entries.contains { TorchArchive.isPickle($0.name) }
          ? .torchArchive : .numPyArchive
      }
      if TorchLegacy.isOne(head) { return .torchLegacy }
      if SafetensorsHeader.isOne(head, fileSize: file.count) { return .safetensors }
      return ShardIndex.isOne(try source.bytes(0..<min(4096, file.count))) ? .shardIndex : .model
    }
  }
}

extension Weights {
  /// Opens a file of weights: safetensors, NumPy's `.npz` or `.npy`, what `torch.save` writes, or the
  /// index of several of these. The file's table is read and checked at once, its tensors when they
  /// are asked for.
  /// - Throws: `FormatError`, with the path, where the file is none of these, or damaged.
  public init(contentsOf path: String, limits: ReadingLimits = .init()) throws(FormatError) {
    try self.init(contentsOf: path, limits: limits, isShard: false)
  }

  /// - Parameter isShard: whether the file is named by an index
  init(contentsOf path: String, limits: ReadingLimits, isShard: Bool) throws(FormatError) {
    let kind = try FileKind(ofFile: path)
    self = try inFile(path) { () throws(FormatError) in
      let weights: Weights
      switch kind {
      case .safetensors: weights = try Weights(safetensors: InputFile(path))
      case .numPyArchive: weights = try Weights(npz: path, limits: limits)
      case .numPyArray:
        let tensor = try Tensor(npyContentsOf: path)
        weights = Weights([Entry("arr_0", tensor)])
      case .torchArchive: weights = try TorchArchive(InputFile(path), limits: limits).weights()
      case .torchLegacy: weights = try TorchLegacy(InputFile(path), limits: limits).weights()
      case .shardIndex:
        guard !isShard else { throw FormatError(.invalid("an index within an index")) }
        weights = try Weights(index: path, limits: limits)
      case .model:
        throw FormatError(
          .invalid("no weights: expected safetensors, .npz, .npy, or what torch.save writes"))
      }
      try weights.checkNames()
      return weights
    }
  }

  private init(npz path: String, limits: ReadingLimits) throws(FormatError) {
    let archive = try NPZArchive(path, limits: limits)
    self.init(
      archive.arrays.map { array in
        Entry(array.name, array.elementType, array.shape) { () throws(FormatError) in
          try archive.tensor(array)
        }
      })
  }

  /// The endings of files that `write` makes.
  public static let fileExtensions = ["safetensors", "npz"]

  /// Writes the tensors, one in memory at a time, as the path's ending says: `.safetensors` or
  /// `.npz`. The file takes its place once it is whole.
  /// - Throws: `FormatError` with the path.
  public func write(to path: String) throws(FormatError) {
    try inFile(path) { () throws(FormatError) in
      try checkNames()
      if path.hasSuffix(".safetensors") {
        try writeSafetensors(to: path)
      } else if path.hasSuffix(".npz") {
        try NPZ.write(entries.map(\.name), to: path) { (index) throws(FormatError) in
          try entries[index].tensor()
        }
      } else {
        throw FormatError(.invalid("weights are written as .safetensors or .npz"))
      }
    }
  }
}
