import ONNXFormat

/// The storages of a file that `torch.save` wrote.
protocol TorchStorages: Sendable {
  /// The size of a storage in bytes.
  /// - Throws: `FormatError` where it does not exist
  func size(of key: String) throws(FormatError) -> Int
  /// Reads a range of bytes of a storage.
  /// - Precondition: the range is within the storage
  func read(
    _ range: Range<Int>, of key: String, into target: UnsafeMutableRawPointer) throws(FormatError)
  func isCompressed(_ key: String) -> Bool
  /// Whether numbers are stored with the highest byte first.
  var isBigEndian: Bool { get }
}

extension Weights {
  /// The tensors of a pickle, whose storages are in the same file.
  /// - Parameter size: the size of all storages in bytes
  /// - Throws: `FormatError` for a tensor that exceeds its storage, and beyond the limits
  init(
    _ root: PickleValue, _ objects: PickleObjects, in storages: some TorchStorages, size: Int,
    limits: ReadingLimits
  ) throws(FormatError) {
    let state = try StateDict(root, objects)
    var entries: [Entry] = []
    var budget = MemoryBudget(limit: limits.memoryLimit(fileSize: size))
    var inflated = MemoryBudget(limit: limits.inflatedSize)
    for (name, leaf) in state.leaves {
      do throws(FormatError) {
        switch leaf {
        case .tensor(let index):
          let tensor = objects.tensors[index]
          entries.append(
            try Self.entry(
              name, tensor, objects.storages[tensor.storage], in: storages, &budget, &inflated))
        case .array(let index):
          let array = objects.arrays[index]
          try budget.take(array.bytes.count)
          guard let count = array.shape.elementCount,
            count.multipliedReportingOverflow(by: array.dataType.size)
              == (array.bytes.count, false)
          else {
            throw FormatError(
              .invalid("\(array.bytes.count) bytes do not fill the shape \(array.shape)"))
          }
          entries.append(
            Entry(name, array.dataType.elementType, array.shape) { () throws(FormatError) in
              try array.tensor()
            })
        }
      } catch {
        throw error.within("tensor \(name.quoted)")
      }
    }
    self.init(entries)
    metadata = state.metadata
    layout = .pyTorch
  }

  /// A tensor that is a view of a storage.
  /// - Parameters:
  ///   - budget: memory for all tensors
  ///   - inflated: bytes that may be decompressed
  /// - Throws: `FormatError` for a tensor that exceeds its storage, and beyond the limits
  static func entry(
    _ name: String, _ tensor: TorchTensor, _ storage: TorchStorage, in storages: some TorchStorages,
    _ budget: inout MemoryBudget, _ inflated: inout MemoryBudget
  ) throws(FormatError) -> Entry {
    try tensor.check(storage, size: try storages.size(of: storage.key))
    try budget.take(max(tensor.byteCount, tensor.bytes(storage).count))
    // A compressed storage is read from its beginning.
    if storages.isCompressed(storage.key) { try inflated.take(tensor.bytes(storage).upperBound) }
    return Entry(name, tensor.elementType, tensor.shape) { () throws(FormatError) in
      try tensor.read(storage, in: storages)
    }
  }
}

extension TorchTensor {
  /// The range of elements of the storage that the tensor spans.
  private var span: Range<Int> {
    guard let count = shape.elementCount, count > 0 else { return 0..<0 }
    return offset..<zip(shape, strides).reduce(offset + 1) { $0 + ($1.0 - 1) * $1.1 }
  }

  fileprivate var byteCount: Int { (shape.elementCount ?? 0) * elementType.stride }

  /// The range of bytes of the file's storage that the tensor spans.
  fileprivate func bytes(_ storage: TorchStorage) -> Range<Int> {
    let first = (span.lowerBound + storage.offset) * elementType.stride
    return first..<first + span.count * elementType.stride
  }

  /// Whether the elements are in row-major order without gaps.
  private var isContiguous: Bool {
    var expected = 1
    for (size, stride) in zip(shape, strides).reversed() where size != 1 {
      guard stride == expected else { return false }
      expected *= size
    }
    return true
  }

  /// - Parameter size: the size of the file's storage in bytes
  /// - Throws: `FormatError` where the tensor exceeds it
  fileprivate func check(_ storage: TorchStorage, size: Int) throws(FormatError) {
    let (end, overflow) = span.upperBound.addingReportingOverflow(storage.offset)
    let (bytes, carry) = end.multipliedReportingOverflow(by: elementType.stride)
    guard !overflow, !carry, shape.elementCount == 0 || bytes <= size else {
      throw FormatError(
        .invalid("the tensor exceeds storage \(storage.key.quoted) of \(size) bytes"))
    }
  }

  fileprivate func read(
    _ storage: TorchStorage, in storages: some TorchStorages
  ) throws(FormatError) -> Tensor {
    let result = try Tensor.allocate(elementType, shape)
    guard result.count > 0 else { return result }
    let bytes = self.bytes(storage)
    if isContiguous {
      try storages.read(bytes, of: storage.key, into: result.storage.pointer)
    } else {
      let part = try Tensor.allocate(.uint8, [bytes.count])
      try storages.read(bytes, of: storage.key, into: part.storage.pointer)
      withExtendedLifetime(part) { result.gather(part.storage.pointer, strides: strides) }
    }
    if storages.isBigEndian { result.swapBytes(NPYDataType(elementType: elementType).wordSize) }
    result.unpackInPlace()
    return result
  }
}

extension Tensor {
  static func allocate(
    _ elementType: ElementType, _ shape: [Int]
  ) throws(FormatError) -> Tensor {
    do throws(TensorError) { return try Tensor(uninitialized: elementType, shape: shape) } catch {
      throw FormatError(.invalid(error.description))
    }
  }
}

extension PickledArray {
  func tensor() throws(FormatError) -> Tensor {
    var header = NPYHeader(dataType, shape: shape)
    header.isFortranOrder = isFortranOrder
    return try ByteSource.reading(bytes.isEmpty ? [0] : bytes) { (source) throws(FormatError) in
      try Tensor(npy: PlainInput(source, 0..<bytes.count), header: header, limits: .init())
    }
  }
}
