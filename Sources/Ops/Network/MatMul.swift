import ONNXFormat

/// The matrix product as `numpy.matmul` has it: the last two axes multiply, those before broadcast,
/// a vector is a row on the left and a column on the right.
struct MatMul: Operator {
  static let schema = Schema(
    "MatMul",
    [
      1: .floats, 9: [.floats, .int32, .int64, .uint32, .uint64],
      13: [.floats, .bfloat16, .int32, .int64, .uint32, .uint64],
    ], inputs: 2...2)

  init(_ node: inout NodeReader) throws(OperatorError) {}

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let a = try inputs.tensor(0)
    let b = try inputs.tensor(1, sameTypeAs: 0)
    return [.tensor(a.elementType, try productShape(a.shape, b.shape))]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    let sizes = try ProductSizes(try call.inputSizes(0), try call.inputSizes(1)).folded
    let plain = PlainProduct(sizes: sizes)
    switch try call.elementType(0) {
    case .float32: return try blas(sizes, Float.self)
    case .float64: return try blas(sizes, Double.self)
    case .float16: return plain.kernel(ProductSum<Float16>())
    case .bfloat16: return plain.kernel(ProductSum<BFloat16>())
    case .int32: return plain.kernel(ProductSum<Int32>())
    case .int64: return plain.kernel(ProductSum<Int64>())
    case .uint32: return plain.kernel(ProductSum<UInt32>())
    case .uint64: return plain.kernel(ProductSum<UInt64>())
    case let type: throw .input(0, "no kernel for \(type)")
    }
  }

  private func blas<T: BLASElement>(
    _ sizes: ProductSizes, _ type: T.Type
  ) throws(OperatorError) -> Kernel {
    guard !sizes.isEmpty else { return .compute { _ in } }
    let product = try GEMM<T>(rows: sizes.rows, columns: sizes.columns, depth: sizes.depth)
    let tile: Buffers.Tile = { buffers, task, _ in
      let matrix = task / product.tiles
      let factors = sizes.factors(matrix)
      product.multiply(
        tile: task % product.tiles,
        buffers.input(0, as: T.self) + factors.a * sizes.rows * sizes.depth,
        buffers.input(1, as: T.self) + factors.b * sizes.depth * sizes.columns,
        buffers.output(0, as: T.self) + matrix * sizes.rows * sizes.columns)
    }
    return .compute { buffers in buffers.parallel(sizes.matrices * product.tiles, tile) }
  }
}
