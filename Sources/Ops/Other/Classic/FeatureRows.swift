import ONNXFormat
import ONNXOperators
import ONNXShape

extension TypeSet {
  /// The element types of most operators of `ai.onnx.ml` on rows of features.
  static let features: TypeSet = [.float32, .float64, .int64, .int32]
}

extension Inputs {
  /// The shape of input 0, whose last axis is a row of features; `nil` if unknown.
  func featureShape() throws(OperatorError) -> Shape? {
    guard let shape = try tensor(0, .features).shape else { return nil }
    guard shape.rank > 0 else { throw .input(0, "expected rows of features, got a scalar") }
    return shape
  }
}

extension Inputs {
  /// The shape `[N, F]` of input 0; `nil` if unknown. A single row may have the shape `[F]`.
  func rowShape() throws(OperatorError) -> Shape? {
    guard let shape = try tensor(0, .features).shape, shape.rank == 1 else {
      return try shape(0, rank: 2)
    }
    return [1, shape[0]]
  }
}

extension Preparation {
  /// A kernel that calls `body` with the index and the features of each row of input 0 along the last
  /// axis.
  /// - Parameter cost: work of one feature, in units of a simple arithmetic operation
  func rowKernel(
    cost: Int, _ body: @escaping @Sendable (Buffers, Int, UnsafePointer<Double>) -> Void
  ) throws(OperatorError) -> Kernel {
    try rowKernel(cost: cost, scratch: 0) { buffers, row, x, _ in body(buffers, row, x) }
  }

  /// The same kernel, with scratch memory for `scratch` numbers.
  func rowKernel(
    cost: Int, scratch: Int, _ body: @escaping RowBody
  ) throws(OperatorError) -> Kernel {
    // The number of rows without features may overflow.
    guard try inputCount(0) > 0 else { return .compute { _ in } }
    return switch try elementType(0) {
    case .float32: try rowKernel(Float.self, cost, scratch, body) { Double($0) }
    case .float64: try rowKernel(Double.self, cost, scratch, body) { $0 }
    case .int32: try rowKernel(Int32.self, cost, scratch, body) { Double($0) }
    case .int64: try rowKernel(Int64.self, cost, scratch, body) { Double($0) }
    case let type: throw .input(0, "expected \(TypeSet.features), got \(type)")
    }
  }

  typealias RowBody =
    @Sendable (
      _ buffers: Buffers, _ row: Int, _ features: UnsafePointer<Double>,
      _ scratch: UnsafeMutablePointer<Double>
    ) -> Void

  private func rowKernel<T>(
    _ type: T.Type, _ cost: Int, _ scratch: Int, _ body: @escaping RowBody,
    _ convert: @escaping @Sendable (T) -> Double
  ) throws(OperatorError) -> Kernel {
    let sizes = try inputSizes(0)
    let columns = sizes.last ?? 1
    let tiles = Tiles(sizes.dropLast().wrappingProduct, cost: columns &* cost)
    // A converted row followed by the scratch memory of the body, for each thread.
    let stride = columns + scratch
    guard let bytes = [stride, threads, MemoryLayout<Double>.stride].elementCount else {
      throw .memory(needed: Int.max, limit: Int.max)
    }
    let tile: Buffers.Tile = { buffers, task, thread in
      let x = buffers.input(0, as: T.self)
      let features = buffers.scratch.assumingMemoryBound(to: Double.self) + thread * stride
      for index in tiles[task] {
        let line = x + index * columns
        for i in 0..<columns { features[i] = convert(line[i]) }
        body(buffers, index, UnsafePointer(features), features + columns)
      }
    }
    return .compute(scratch: bytes) { buffers in buffers.parallel(tiles.count, tile) }
  }
}
