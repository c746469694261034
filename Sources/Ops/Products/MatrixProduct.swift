import ONNXFormat
import ONNXOperators
import RealModule

/// The form of a batch of products `alpha · op(A) · op(B)`: which axes of the factors are moved before
/// the product of `numpy.matmul` is taken. Vectors are left as they are.
package struct ScaledProduct: Sendable {
  /// Whether the last two axes are swapped, after the first one was moved.
  package var transposeA = false
  package var transposeB = false
  /// Whether the first axis is moved before the last one.
  package var movesFirstAxisA = false
  package var movesFirstAxisB = false
  package var alpha: Float = 1

  package init(
    transposeA: Bool = false, transposeB: Bool = false, movesFirstAxisA: Bool = false,
    movesFirstAxisB: Bool = false, alpha: Float = 1
  ) {
    self.transposeA = transposeA
    self.transposeB = transposeB
    self.movesFirstAxisA = movesFirstAxisA
    self.movesFirstAxisB = movesFirstAxisB
    self.alpha = alpha
  }

  /// The axes of factor 0 or 1 in the order in which they are multiplied; `nil` if they stay.
  package func permutation(_ factor: Int, rank: Int) -> [Int]? {
    let (moves, swaps) =
      factor == 0 ? (movesFirstAxisA, transposeA) : (movesFirstAxisB, transposeB)
    guard rank > 1, swaps || moves && rank > 2 else { return nil }
    var axes = Array(0..<rank)
    if moves {
      axes.removeFirst()
      axes.insert(0, at: rank - 2)
    }
    if swaps { axes.swapAt(rank - 1, rank - 2) }
    return axes
  }

  /// The shape of the result, as far as it is known.
  package func shape(_ a: Shape?, _ b: Shape?) throws(OperatorError) -> Shape? {
    func moved(_ shape: Shape?, _ factor: Int) -> Shape? {
      guard let shape, let axes = permutation(factor, rank: shape.rank) else { return shape }
      return Shape(axes.map { shape[$0] })
    }
    return try productShape(moved(a, 0), moved(b, 1))
  }

  /// The kernel: a product with packed weights if B is a constant matrix, otherwise a batch of
  /// products by BLAS. No factor is copied to transpose it.
  package func kernel(_ call: Preparation) throws(OperatorError) -> Kernel {
    if try call.elementType(0).isNarrowFloat { return try call.widened(kernel) }
    let product = try MatrixProduct(call, self)
    let sizes = product.sizes.folded
    let rankA = try call.inputSizes(0).count
    if sizes.matrices == 1, try call.elementType(0) == .float32, call.inputs.constant(1) != nil,
      permutation(0, rank: rankA) == nil, !product.hasMovedAxisB
    {
      let packed = PanelProduct(
        rows: sizes.rows, columns: sizes.columns, depth: sizes.depth,
        isTransposed: product.transposeB, bias: nil, activation: .none, scale: alpha)
      if let kernel = try packed.kernel(call) { return kernel }
    }
    return try product.kernel(call)
  }
}

/// A batch of products `alpha · op(A) · op(B)`.
package struct MatrixProduct {
  package let sizes: ProductSizes
  package let transposeA: Bool
  package let transposeB: Bool
  private let alpha: Float
  /// The elements between the rows of a matrix of A and B in memory, if they are not contiguous: the
  /// first axis of the tensor was moved behind the batch axes.
  private let strideA: Int?
  private let strideB: Int?
  /// The elements between the matrices of A and B.
  private let stepA: Int
  private let stepB: Int
  /// Whether the rows of A may be samples.
  private let hasSamplesInRows: Bool

  /// - Throws: `OperatorError` for sizes that overflow
  package init(_ call: Preparation, _ form: ScaledProduct) throws(OperatorError) {
    let (storedA, storedB) = (try call.inputSizes(0), try call.inputSizes(1))
    func moved(_ sizes: [Int], _ factor: Int) -> [Int] {
      form.permutation(factor, rank: sizes.count)?.map { sizes[$0] } ?? sizes
    }
    let (a, b) = (moved(storedA, 0), moved(storedB, 1))
    transposeA = form.transposeA && a.count > 1
    transposeB = form.transposeB && b.count > 1
    alpha = form.alpha
    hasSamplesInRows = b.count <= 2 && !form.movesFirstAxisA
    let sizes = try ProductSizes(a, b)
    func layout(_ moves: Bool, _ stored: [Int], _ matrix: Int) -> (stride: Int?, step: Int) {
      guard moves, stored.count > 2, let row = stored.dropFirst().elementCount else {
        return (nil, matrix)
      }
      return (row, stored[stored.count - 1])
    }
    (strideA, stepA) = layout(
      form.movesFirstAxisA, storedA, .work(sizes.rows, sizes.depth))
    (strideB, stepB) = layout(
      form.movesFirstAxisB, storedB, .work(sizes.depth, sizes.columns))
    // With a batch of one, a shared matrix cannot be told from a batch of matrices.
    let isFolded =
      !transposeA && strideA == nil && (hasSamplesInRows || !call.isBatchInvariant)
    self.sizes = isFolded ? sizes.folded : sizes
  }

  /// Whether the rows of B are not contiguous.
  package var hasMovedAxisB: Bool { strideB != nil }

  package func kernel(_ call: Preparation) throws(OperatorError) -> Kernel {
    let plain = PlainProduct(sizes: sizes, transposeA: transposeA, transposeB: transposeB)
    let type = try call.elementType(0)
    let isReal = type == .float32 || type == .float64
    call.note(
      (isReal ? "OpenBLAS" : "plain loops")
        + ": \(sizes.matrices) of \(sizes.rows) × \(sizes.depth) × \(sizes.columns)")
    switch type {
    case .float32: return try blas(call, Float.self)
    case .float64: return try blas(call, Double.self)
    // Products and sums modulo 2ⁿ do not depend on the sign.
    case .int32, .uint32: return plain.kernel(ProductSum<UInt32>())
    case .int64, .uint64: return plain.kernel(ProductSum<UInt64>())
    case let type: throw .input(0, "element type \(type) is not supported")
    }
  }

  private func blas<T: BLASElement>(
    _ call: Preparation, _ type: T.Type
  ) throws(OperatorError) -> Kernel {
    let (sizes, stepA, stepB) = (sizes, stepA, stepB)
    guard !sizes.isEmpty else { return .compute { _ in } }
    let product = try GEMM<T>(
      rows: sizes.rows, columns: sizes.columns, depth: sizes.depth, transposeA: transposeA,
      transposeB: transposeB, alpha: T(alpha), strideA: strideA, strideB: strideB,
      isInvariant: call.isBatchInvariant && hasSamplesInRows)
    let tile: Buffers.Tile = { buffers, task, _ in
      let matrix = task / product.tiles
      let factors = sizes.factors(matrix)
      product.multiply(
        tile: task % product.tiles,
        buffers.input(0, as: T.self) + factors.a * stepA,
        buffers.input(1, as: T.self) + factors.b * stepB,
        buffers.output(0, as: T.self) + matrix * sizes.rows * sizes.columns)
    }
    return .compute { buffers in buffers.parallel(sizes.matrices * product.tiles, tile) }
  }
}
