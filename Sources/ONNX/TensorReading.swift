extension Tensor {
  /// The number of axes; 0 for a scalar.
  public var rank: Int { shape.count }

  /// The only element, converted from any type of numbers or booleans.
  /// - Throws: `TensorError.operation` for another number of elements, or elements that are not numbers
  public var scalar: Double {
    get throws(TensorError) {
      guard count == 1 else {
        throw .operation("scalar", "expected a tensor of one element, got \(type)")
      }
      return try numbers(Double.self)[0]
    }
  }

  /// All elements as float32 in row-major order, converted from any type of numbers or booleans.
  /// - Throws: `TensorError.operation` for elements that are not numbers
  public var floats: [Float] { get throws(TensorError) { try numbers(Float.self) } }

  private func numbers<T: Element>(_ type: T.Type) throws(TensorError) -> [T] {
    guard elementType != .string else {
      throw .operation("Cast", "expected numbers, got \(self.type)")
    }
    return try cast(to: T.elementType).array(as: T.self)
  }

  /// Calls `body` with the elements, in row-major order, without a copy.
  /// - Precondition: the elements are of type `T`. `array(as:)` throws instead.
  public func withSpan<T: Element & BitwiseCopyable, R, E: Error>(
    as type: T.Type, _ body: (Span<T>) throws(E) -> R
  ) throws(E) -> R {
    try elements(as: T.self).withUnsafeBufferPointer { (buffer) throws(E) in
      try body(buffer.span)
    }
  }

  /// Whether a tensor has the same type and shape and, but for rounding, the same elements:
  /// `|a − b| ≤ absolute + relative · |b|` for floating-point numbers (for bfloat16, `relative` is at least
  /// 2⁻⁶). All other elements must be equal. NaN is close to NaN.
  public func isClose(to b: Tensor, relative: Double = 1e-5, absolute: Double = 1e-8) -> Bool {
    difference(
      .tensor(self), from: .tensor(b), Tolerance(relative: relative, absolute: absolute)) == nil
  }
}
