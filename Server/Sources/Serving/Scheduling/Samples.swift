import ONNX

extension ServedModel {
  /// Whether the declared types of all inputs and outputs begin with the same free dimension, so that
  /// requests can be run together.
  var hasFreeFirstDimension: Bool {
    let values = session.inputs + session.outputs
    guard !session.inputs.isEmpty, let first = values.first?.firstDimension, first.size == nil
    else { return false }
    return values.allSatisfy { $0.firstDimension == first }
  }
}

extension ValueInfo {
  fileprivate var firstDimension: Dimension? {
    guard let type = type?.tensorType, type.elementType != .string else { return nil }
    return type.shape?.first
  }
}

/// The common size of the first dimension of all tensors; `nil` where there is none.
func commonSamples(_ tensors: some Collection<Tensor>) -> Int? {
  guard let samples = tensors.first?.shape.first, samples > 0,
    tensors.allSatisfy({ $0.shape.first == samples && $0.elementType != .string })
  else { return nil }
  return samples
}

extension Tensor {
  /// The samples of several tensors, one tensor after the other.
  /// - Parameters:
  ///   - tensors: at least one; all have the same element type and the same sizes behind the first
  ///   - zeros: samples of zeros behind them
  /// - Throws: `TensorError` where memory or numbers do not suffice
  static func joined(_ tensors: [Tensor], zeros: Int = 0) throws(TensorError) -> Tensor {
    guard let first = tensors.first else { throw .shape([]) }
    var sizes = first.shape
    sizes[0] = tensors.reduce(zeros) { $0 + $1.shape[0] }
    return try Tensor(first.elementType, shape: sizes) { memory in
      var rest = memory
      for tensor in tensors {
        tensor.withUnsafeBytes { bytes in
          rest.copyMemory(from: bytes)
          rest = UnsafeMutableRawBufferPointer(rebasing: rest.dropFirst(bytes.count))
        }
      }
      rest.initializeMemory(as: UInt8.self, repeating: 0)
    }
  }

  /// A copy of some of the samples.
  /// - Precondition: there are so many
  /// - Throws: `TensorError.outOfMemory`
  func samples(_ range: Range<Int>) throws(TensorError) -> Tensor {
    var sizes = shape
    sizes[0] = range.count
    return try Tensor(elementType, shape: sizes) { memory in
      withUnsafeBytes { bytes in
        let size = bytes.count / max(shape[0], 1)
        memory.copyMemory(
          from: UnsafeRawBufferPointer(
            rebasing: bytes[range.lowerBound * size..<range.upperBound * size]))
      }
    }
  }

  /// A tensor whose bytes `body` writes.
  private init(
    _ elementType: ElementType, shape: [Int], _ body: (UnsafeMutableRawBufferPointer) -> Void
  ) throws(TensorError) {
    var count = elementType.stride
    for size in shape {
      let (product, overflow) = count.multipliedReportingOverflow(by: size)
      guard !overflow, size >= 0, product <= 1 << 48 else { throw .shape(shape) }
      count = product
    }
    // The library reads whole vectors: it copies elements that lie at the very end of the memory.
    let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: count + 64, alignment: 64)
    body(UnsafeMutableRawBufferPointer(rebasing: memory[..<count]))
    do {
      try self.init(bytesNoCopy: UnsafeRawBufferPointer(memory), elementType, shape: shape) {
        UnsafeMutableRawBufferPointer(mutating: $0).deallocate()
      }
    } catch {
      memory.deallocate()
      throw error
    }
  }
}
