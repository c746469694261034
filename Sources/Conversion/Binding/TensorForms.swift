import ONNXFormat

/// Transformations of weights on their way into a graph. Each returns a new tensor.
extension Tensor {
  /// The transpose of a matrix.
  /// - Throws: `FormatError` for a tensor of another rank
  func transposedMatrix() throws(FormatError) -> Tensor {
    guard shape.count == 2 else { throw FormatError(.invalid("expected a matrix, got \(type)")) }
    return try exchanged()
  }

  /// The tensor with its first two dimensions swapped.
  /// - Throws: `FormatError` for a tensor of rank 0 or 1
  func exchanged() throws(FormatError) -> Tensor {
    guard shape.count > 1 else {
      throw FormatError(.invalid("expected rank 2 or more, got \(type)"))
    }
    var strides = [Int](repeating: 1, count: shape.count)
    for axis in shape.indices.dropLast().reversed() {
      strides[axis] = strides[axis + 1] * shape[axis + 1]
    }
    strides.swapAt(0, 1)
    let result = try Tensor.allocate(elementType, [shape[1], shape[0]] + shape.dropFirst(2))
    withExtendedLifetime(self) { result.gather(storage.pointer, strides: strides) }
    return result
  }

  /// A slice of the first dimension.
  /// - Throws: `FormatError` where the tensor has no such rows
  func rows(_ range: Range<Int>) throws(FormatError) -> Tensor {
    guard let rows = shape.first, range.upperBound <= rows, rows > 0, elementType != .string else {
      throw FormatError(.invalid("rows \(range) of \(type)"))
    }
    let result = try Tensor.allocate(elementType, [range.count] + shape.dropFirst())
    let size = storage.byteCount / rows
    result.storage.pointer.copyMemory(
      from: storage.pointer + range.lowerBound * size, byteCount: range.count * size)
    return result
  }

  /// A list that repeats the elements.
  func repeated(_ times: Int) throws(FormatError) -> Tensor {
    let result = try Tensor.allocate(elementType, [count * times])
    for index in 0..<times {
      (result.storage.pointer + index * storage.byteCount).copyMemory(
        from: storage.pointer, byteCount: storage.byteCount)
    }
    return result
  }

  /// Whether all elements are the same.
  var isUniform: Bool { repeats(elementType.stride) }

  /// Whether all rows of the last dimension are the same, but not all elements.
  var hasEqualRows: Bool {
    let rows = shape.dropLast().reduce(1, *)
    return rows > 1 && count > 0 && !isUniform && repeats(storage.byteCount / rows)
  }

  /// Whether the memory repeats its first `size` bytes.
  private func repeats(_ size: Int) -> Bool {
    withUnsafeBytes { bytes in
      bytes.count <= size || bytes[size...].elementsEqual(bytes[..<(bytes.count - size)])
    }
  }

  /// The concatenation of tensors, each with its blocks of rows in a new order.
  /// - Parameters:
  ///   - order: the position of each block of the result in a part
  ///   - shape: the shape of the result
  /// - Throws: `FormatError` where the parts do not fill the shape
  static func stacked(
    _ parts: [Tensor], order: [Int], shape: [Int]
  ) throws(FormatError) -> Tensor {
    guard let first = parts.first else { throw FormatError(.invalid("no tensors to stack")) }
    let result = try Tensor.allocate(first.elementType, shape)
    var offset = 0
    for part in parts {
      let size = part.storage.byteCount
      guard part.elementType == first.elementType, size % order.count == 0,
        offset + size <= result.storage.byteCount
      else { throw FormatError(.invalid("\(part.type) is not a part of \(shape)")) }
      let block = size / order.count
      for (index, from) in order.enumerated() {
        (result.storage.pointer + offset + index * block).copyMemory(
          from: part.storage.pointer + from * block, byteCount: block)
      }
      offset += size
    }
    guard offset == result.storage.byteCount else {
      throw FormatError(.invalid("the parts do not fill \(shape)"))
    }
    return result
  }

  /// The elements converted to another floating-point type.
  /// - Throws: `FormatError` for types that are not floating-point, and when memory runs out
  func converted(to type: ElementType) throws(FormatError) -> Tensor {
    if type == elementType { return self }
    switch elementType {
    case .float32: return try narrowed(Float.self, to: type) { Double($0) }
    case .float64: return try narrowed(Double.self, to: type) { $0 }
    case .float16: return try narrowed(Float16.self, to: type) { Double($0) }
    case .bfloat16: return try narrowed(BFloat16.self, to: type) { Double($0.float) }
    case .float8e4m3fn: return try narrowed(Float8E4M3FN.self, to: type) { Double($0.float) }
    case .float8e4m3fnuz: return try narrowed(Float8E4M3FNUZ.self, to: type) { Double($0.float) }
    case .float8e5m2: return try narrowed(Float8E5M2.self, to: type) { Double($0.float) }
    case .float8e5m2fnuz: return try narrowed(Float8E5M2FNUZ.self, to: type) { Double($0.float) }
    case .float8e8m0: return try narrowed(Float8E8M0.self, to: type) { Double($0.float) }
    case .float4e2m1: return try narrowed(Float4E2M1.self, to: type) { Double($0.float) }
    case .float6e2m3: return try narrowed(Float6E2M3.self, to: type) { Double($0.float) }
    case .float6e3m2: return try narrowed(Float6E3M2.self, to: type) { Double($0.float) }
    default: throw FormatError(.unsupported("conversion of \(elementType) to \(type)"))
    }
  }

  private func narrowed<T: Element>(
    _ source: T.Type, to type: ElementType, _ value: (T) -> Double
  ) throws(FormatError) -> Tensor {
    switch type {
    case .float32: return try mapped(source, Float.self) { Float(value($0)) }
    case .float64: return try mapped(source, Double.self, value)
    case .float16: return try mapped(source, Float16.self) { Float16(value($0)) }
    case .bfloat16: return try mapped(source, BFloat16.self) { BFloat16(Float(value($0))) }
    default: throw FormatError(.unsupported("conversion of \(elementType) to \(type)"))
    }
  }

  private func mapped<T: Element, U: Element>(
    _ source: T.Type, _ target: U.Type, _ value: (T) -> U
  ) throws(FormatError) -> Tensor {
    let result = try Tensor.allocate(U.elementType, shape)
    let to = result.storage.pointer.assumingMemoryBound(to: U.self)
    for (index, element) in elements(as: T.self).enumerated() { to[index] = value(element) }
    return result
  }

  /// The tensor with the same memory and another shape.
  /// - Throws: `FormatError` where the number of elements differs
  func shaped(_ shape: [Int]) throws(FormatError) -> Tensor {
    do throws(TensorError) { return try reshaped(to: shape) } catch {
      throw FormatError(.invalid(error.description))
    }
  }
}
