import ONNXFormat

/// Forms that weights take on their way into a graph. Each makes a new tensor.
extension Tensor {
  /// The matrix with rows and columns exchanged.
  func transposedMatrix() throws(FormatError) -> Tensor {
    guard shape.count == 2 else { throw FormatError(.invalid("expected a matrix, got \(self)")) }
    let (rows, columns) = (shape[0], shape[1])
    let result = try Tensor.allocate(elementType, [columns, rows])
    func copy<T>(_ type: T.Type) {
      let from = elements(as: T.self)
      let to = result.storage.pointer.assumingMemoryBound(to: T.self)
      // Blocks of a cache line or so on both sides.
      let side = 16
      for top in stride(from: 0, to: rows, by: side) {
        for left in stride(from: 0, to: columns, by: side) {
          for row in top..<min(top + side, rows) {
            for column in left..<min(left + side, columns) {
              to[column * rows + row] = from[row * columns + column]
            }
          }
        }
      }
    }
    switch elementType.stride {
    case _ where elementType == .string: throw FormatError(.unsupported("matrices of strings"))
    case 1: copy(UInt8.self)
    case 2: copy(UInt16.self)
    case 4: copy(UInt32.self)
    case 8: copy(UInt64.self)
    default: copy((UInt64, UInt64).self)
    }
    return result
  }

  /// Blocks of rows in another order, one tensor behind the other, under a shape.
  /// - Parameter order: which block of each part comes first, second, …
  static func stacked(
    _ parts: [Tensor], order: [Int], shape: [Int]
  ) throws(FormatError) -> Tensor {
    guard let first = parts.first else { throw FormatError(.invalid("there is nothing to stack")) }
    let result = try Tensor.allocate(first.elementType, shape)
    var offset = 0
    for part in parts {
      let size = part.storage.byteCount
      guard part.elementType == first.elementType, size % order.count == 0,
        offset + size <= result.storage.byteCount
      else { throw FormatError(.invalid("\(part) does not fit into \(shape)")) }
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

  /// The same numbers as elements of another floating-point type.
  func converted(to type: ElementType) throws(FormatError) -> Tensor {
    if type == elementType { return self }
    switch elementType {
    case .float32: return try narrowed(Float.self, to: type) { Double($0) }
    case .float64: return try narrowed(Double.self, to: type) { $0 }
    case .float16: return try narrowed(Float16.self, to: type) { Double($0) }
    case .bfloat16: return try narrowed(BFloat16.self, to: type) { Double($0.float) }
    case .float8e4m3fn: return try narrowed(Float8E4M3FN.self, to: type) { Double($0.float) }
    case .float8e5m2: return try narrowed(Float8E5M2.self, to: type) { Double($0.float) }
    default: throw FormatError(.unsupported("\(elementType) in place of \(type)"))
    }
  }

  private func narrowed<T>(
    _ source: T.Type, to type: ElementType, _ value: (T) -> Double
  ) throws(FormatError) -> Tensor {
    switch type {
    case .float32: return try mapped(source, Float.self) { Float(value($0)) }
    case .float64: return try mapped(source, Double.self, value)
    case .float16: return try mapped(source, Float16.self) { Float16(value($0)) }
    case .bfloat16: return try mapped(source, BFloat16.self) { BFloat16(Float(value($0))) }
    default: throw FormatError(.unsupported("\(elementType) in place of \(type)"))
    }
  }

  private func mapped<T, U: Element>(
    _ source: T.Type, _ target: U.Type, _ value: (T) -> U
  ) throws(FormatError) -> Tensor {
    let result = try Tensor.allocate(U.elementType, shape)
    let to = result.storage.pointer.assumingMemoryBound(to: U.self)
    for (index, element) in elements(as: T.self).enumerated() { to[index] = value(element) }
    return result
  }

  /// The same memory under another shape.
  func shaped(_ shape: [Int]) throws(FormatError) -> Tensor {
    do throws(TensorError) { return try reshaped(to: shape) } catch {
      throw FormatError(.invalid(error.description))
    }
  }
}

/// `y = (x − mean) / √(variance + ε) · weight + bias` behind a linear map of `C` outputs.
struct BatchNormValues {
  /// `weight / √(variance + ε)` for each output.
  let scales: [Double]
  let means: [Double]
  let biases: [Double]

  /// - Parameters:
  ///   - weight: `[C]`, or `nil` for 1; `bias` likewise, `nil` for 0
  init(
    weight: Tensor?, bias: Tensor?, mean: Tensor, variance: Tensor, epsilon: Double
  ) throws(FormatError) {
    let variances = try Self.numbers(variance)
    let means = try Self.numbers(mean)
    let weights = try weight.map { (tensor) throws(FormatError) in try Self.numbers(tensor) }
    let biases =
      try bias.map { (tensor) throws(FormatError) in try Self.numbers(tensor) }
      ?? means.map { _ in 0 }
    guard means.count == variances.count, biases.count == means.count,
      weights.map({ $0.count == means.count }) ?? true
    else { throw FormatError(.invalid("a batch normalization of vectors of different lengths")) }
    var scales: [Double] = []
    for (index, variance) in variances.enumerated() {
      scales.append((weights?[index] ?? 1) / (variance + epsilon).squareRoot())
    }
    (self.scales, self.means, self.biases) = (scales, means, biases)
  }

  private static func numbers(_ tensor: Tensor) throws(FormatError) -> [Double] {
    let wide = try tensor.converted(to: .float64)
    return withExtendedLifetime(wide) { Array(wide.elements(as: Double.self)) }
  }

  /// The weight of the map with the normalization in it.
  /// - Parameter axis: that of the outputs
  func folded(weight: Tensor, axis: Int) throws(FormatError) -> Tensor {
    guard axis < weight.shape.count, weight.shape[axis] == scales.count else {
      throw FormatError(.invalid("\(scales.count) means do not suit a weight \(weight)"))
    }
    let wide = try weight.converted(to: .float64)
    let result = try Tensor.allocate(.float64, weight.shape)
    let inner = weight.shape[(axis + 1)...].reduce(1, *)
    withExtendedLifetime(wide) {
      let from = wide.elements(as: Double.self)
      let to = result.storage.pointer.assumingMemoryBound(to: Double.self)
      for start in stride(from: 0, to: from.count, by: max(inner, 1)) {
        let scale = scales[start / inner % scales.count]
        for index in start..<start + inner { to[index] = from[index] * scale }
      }
    }
    return try result.converted(to: weight.elementType)
  }

  /// The bias of the map with the normalization in it.
  /// - Parameter bias: `[C]`, or `nil` for 0
  func folded(bias: Tensor?, elementType: ElementType) throws(FormatError) -> Tensor {
    let before =
      try bias.map { (tensor) throws(FormatError) in try Self.numbers(tensor) }
      ?? means.map { _ in 0 }
    guard before.count == scales.count else {
      throw FormatError(.invalid("\(scales.count) means do not suit \(before.count) biases"))
    }
    let values = scales.indices.map { (before[$0] - means[$0]) * scales[$0] + biases[$0] }
    return try Tensor(shape: [values.count], values).converted(to: elementType)
  }
}
