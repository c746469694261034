import ONNXFormat
import ONNXOperators
import ONNXShape

extension TypeSet {
  /// What most operators of `ai.onnx.ml` on rows of features take.
  static let features: TypeSet = [.float32, .float64, .int64, .int32]
}

extension Inputs {
  /// The shape of input 0, whose rows are rows of features: at least one axis.
  func featureShape() throws(OperatorError) -> Shape? {
    guard let shape = try tensor(0, .features).shape else { return nil }
    guard shape.rank > 0 else { throw .input(0, "expected rows of features, got a scalar") }
    return shape
  }
}

extension Preparation {
  /// A kernel that calls `body` with the number and the features of every row of input 0, the last
  /// axis being a row.
  /// - Parameter cost: work of one feature, in units of a simple arithmetic operation
  func rowKernel(
    cost: Int, _ body: @escaping @Sendable (Buffers, Int, UnsafePointer<Double>) -> Void
  ) throws(OperatorError) -> Kernel {
    try rowKernel(cost: cost, scratch: 0) { buffers, row, x, _ in body(buffers, row, x) }
  }

  /// The same, with memory for `scratch` numbers to work in.
  func rowKernel(
    cost: Int, scratch: Int, _ body: @escaping RowBody
  ) throws(OperatorError) -> Kernel {
    // Rows without features may be more than anybody can count.
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
    // A row as numbers, then what the body works in, for each thread.
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
