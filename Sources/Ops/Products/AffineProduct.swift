import CKernels
import ONNXFormat
import ONNXOperators
import RealModule

/// The attributes and kernels of `Gemm`: `Y = α · op(A) · op(B) + β · C`.
package struct AffineProduct: Sendable {
  package let alpha: Float
  package let beta: Float
  package let transposeA: Bool
  package let transposeB: Bool
  /// Whether `C` is broadcast to the result: always since version 7, before an attribute.
  package let broadcasts: Bool

  /// - Parameter version: the version of `Gemm`
  package init(_ node: inout NodeReader, version: Int) throws(OperatorError) {
    alpha = try node.float("alpha", default: 1)
    beta = try node.float("beta", default: 1)
    transposeA = try node.int("transA", default: 0) != 0
    transposeB = try node.int("transB", default: 0) != 0
    broadcasts = version < 7 ? try node.flag("broadcast") : true
    if version < 11, node.inputCount < 3 {
      throw .input(2, "C is required before version 11")
    }
  }

  package func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let type = try inputs.tensor(0).elementType
    _ = try inputs.tensor(1, sameTypeAs: 0)
    let a = try inputs.shape(0, rank: 2)
    let b = try inputs.shape(1, rank: 2)
    let result: Shape = [
      a?[transposeA ? 1 : 0] ?? .unknown, b?[transposeB ? 0 : 1] ?? .unknown,
    ]
    if let m = a?[transposeA ? 0 : 1].size, let n = b?[transposeB ? 1 : 0].size, m != n {
      throw .input(1, "expected \(m) rows in op(B), one per column of op(A), got \(n)")
    }
    if inputs.has(2), let c = try inputs.tensor(2, sameTypeAs: 0).shape {
      guard c.rank <= 2, broadcasts || c.rank == 2 else {
        throw .input(2, "shape \(c) cannot be broadcast to \(result)")
      }
      for (size, wanted) in zip(c.reversed(), result.reversed()) {
        guard let m = size.size, let n = wanted.size, m != n, m != 1 || !broadcasts else {
          continue
        }
        throw .input(2, "shape \(c) cannot be broadcast to \(result)")
      }
    }
    return [.tensor(type, result)]
  }

  /// - Parameter activation: the activation of the result; must be `.none` for integers
  package func kernel(_ call: Preparation, _ activation: Activation) throws(OperatorError) -> Kernel
  {
    let sizes = try call.outputSizes(0)
    let a = try call.inputSizes(0)
    let problem = Problem(
      rows: sizes[0], columns: sizes[1], depth: a[transposeA ? 0 : 1],
      c: call.inputs.has(2) && beta != 0 ? Addend(try call.inputSizes(2)) : nil)
    _ = try call.count([sizes[0], sizes[1]])
    switch try call.elementType(0) {
    case .float32:
      if let kernel = try panels(problem, activation, call) { return kernel }
      call.note("OpenBLAS: \(problem.rows) × \(problem.depth) × \(problem.columns)")
      return try blas(problem, activation, call, Float.self)
    case .float64:
      call.note("OpenBLAS: \(problem.rows) × \(problem.depth) × \(problem.columns)")
      return try blas(problem, activation, call, Double.self)
    case .float16, .bfloat16:
      return try call.widened { (wide) throws(OperatorError) in try kernel(wide, activation) }
    case .int32: return try integer(problem, Int32.self)
    case .int64: return try integer(problem, Int64.self)
    case .uint32: return try integer(problem, UInt32.self)
    case .uint64: return try integer(problem, UInt64.self)
    case let type: throw .input(0, "element type \(type) is not supported")
    }
  }

  /// The strides of C in elements along the rows and columns of the result.
  package struct Addend: Sendable {
    package let row: Int
    package let column: Int

    package init(_ sizes: [Int]) {
      let columns = sizes.last ?? 1
      column = columns == 1 ? 0 : 1
      row = sizes.count == 2 && sizes[0] > 1 ? columns : 0
    }
  }

  package struct Problem: Sendable {
    package let rows: Int
    package let columns: Int
    package let depth: Int
    package let c: Addend?
  }

  /// The packed product with a constant B; `nil` for unusual parameters.
  private func panels(
    _ problem: Problem, _ activation: Activation, _ call: Preparation
  ) throws(OperatorError) -> Kernel? {
    guard alpha == 1, !transposeA, call.inputs.constant(1) != nil,
      problem.c.map({ beta == 1 && $0.row == 0 && $0.column == 1 }) ?? true
    else { return nil }
    return try PanelProduct(
      rows: problem.rows, columns: problem.columns, depth: problem.depth,
      isTransposed: transposeB, bias: problem.c == nil ? nil : 2, activation: activation
    ).kernel(call)
  }

  private func blas<T: BLASElement>(
    _ problem: Problem, _ activation: Activation, _ call: Preparation, _ type: T.Type
  ) throws(OperatorError) -> Kernel {
    let beta = T(beta)
    let product = try GEMM<T>(
      rows: problem.rows, columns: problem.columns, depth: problem.depth, transposeA: transposeA,
      transposeB: transposeB, alpha: T(alpha), beta: problem.c == nil ? 0 : 1,
      isInvariant: call.isBatchInvariant)
    let tile: Buffers.Tile = { buffers, task, _ in
      let y = buffers.output(0, as: T.self)
      let (rows, columns) = product.tile(task)
      if let addend = problem.c {
        let c = buffers.input(2, as: T.self)
        for row in rows {
          let y = y + row * problem.columns
          let c = c + row * addend.row
          if addend.column == 0 {
            let value = beta * c[0]
            for column in columns { y[column] = value }
          } else {
            for column in columns { y[column] = beta * c[column] }
          }
        }
      }
      product.multiply(tile: task, buffers.input(0, as: T.self), buffers.input(1, as: T.self), y)
      guard activation != .none else { return }
      let first = y + rows.lowerBound * problem.columns + columns.lowerBound
      activation.apply(first, rows: rows.count, columns: columns.count, stride: problem.columns)
    }
    return .compute { buffers in buffers.parallel(product.tiles, tile) }
  }

  private func plain(_ problem: Problem) throws(OperatorError) -> PlainProduct {
    let sizes = try ProductSizes([problem.rows, problem.depth], [problem.depth, problem.columns])
    return PlainProduct(sizes: sizes, transposeA: transposeA, transposeB: transposeB)
  }

  private func integer<T: FixedWidthInteger & ProductElement>(
    _ problem: Problem, _ type: T.Type
  ) throws(OperatorError) -> Kernel where T.Sum == T {
    let rule =
      alpha == 1 && beta == 1
      ? AffineRule<T>(addend: problem.c) { sum, c in sum &+ (c ?? 0) }
      : AffineRule<T>(addend: problem.c) { sum, c in
        let value = Double(alpha) * Double(sum) + Double(beta) * Double(c ?? 0)
        return T(exactly: value.rounded(.towardZero)) ?? (value < 0 ? .min : .max)
      }
    return try plain(problem).kernel(rule)
  }
}

/// `y = finish(Σ a · b, c)`.
private struct AffineRule<T: ProductElement>: ProductRule {
  let addend: AffineProduct.Addend?
  let result: @Sendable (T.Sum, T?) -> T

  init(
    addend: AffineProduct.Addend?, result: @escaping @Sendable (T.Sum, T?) -> T
  ) {
    self.addend = addend
    self.result = result
  }

  func context(_ buffers: Buffers, a: Int, b: Int) -> UnsafePointer<T>? {
    addend == nil ? nil : buffers.input(2, as: T.self)
  }
  func left(_ a: T, row: Int, _: UnsafePointer<T>?) -> T { a }
  func right(_ b: T, column: Int, _: UnsafePointer<T>?) -> T { b }
  var start: T.Sum { T.emptySum }
  func add(_ sum: inout T.Sum, _ a: T, _ b: T) { T.add(&sum, a, times: b) }
  func finish(_ sum: T.Sum, row: Int, column: Int, _ c: UnsafePointer<T>?) -> T {
    guard let c, let addend else { return result(sum, nil) }
    return result(sum, c[row * addend.row + column * addend.column])
  }
}
