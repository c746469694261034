import ONNXFormat
import ONNXOperators

/// The inverses of matrices `[…, n, n]`, by Gaussian elimination with partial pivoting in double
/// precision. Infinities and NaN if a matrix has none.
struct Inverse: DifferentiableOperator {
  static let schema = Schema(
    "Inverse", domain: ContribOperators.domain, [1: [.floats, .bfloat16]], inputs: 1...1)

  init(_ node: inout NodeReader) throws(OperatorError) {}

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let data = try inputs.tensor(0)
    if let shape = data.shape {
      guard shape.rank >= 2 else { throw .input(0, "expected matrices, got shape \(shape)") }
      if let rows = shape[shape.rank - 2].size, let columns = shape[shape.rank - 1].size,
        rows != columns
      {
        throw .input(0, "expected square matrices, got shape \(shape)")
      }
    }
    return [.tensor(data)]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    switch try call.elementType(0) {
    case .float32: return try kernel(call, Float.self)
    case .float64: return try kernel(call, Double.self)
    case .float16: return try kernel(call, Float16.self)
    case .bfloat16: return try kernel(call, BFloat16.self)
    case let type: throw .input(0, "element type \(type) is not supported")
    }
  }

  private func kernel<T: RealElement>(
    _ call: Preparation, _ type: T.Type
  ) throws(OperatorError) -> Kernel {
    let sizes = try call.inputSizes(0)
    let n = sizes[sizes.count - 1]
    let all = try call.inputCount(0)
    guard all > 0 else { return .compute { _ in } }
    let count = n * n
    let room = Int.work(count, 2)
    let tile: Buffers.Tile = { buffers, task, thread in
      let x = buffers.input(0, as: T.self) + task * count
      let y = buffers.output(0, as: T.self) + task * count
      let matrix = buffers.scratch.assumingMemoryBound(to: Double.self) + thread * room
      let inverse = matrix + count
      for i in 0..<count {
        matrix[i] = Double(x[i].compute)
        inverse[i] = i % (n + 1) == 0 ? 1 : 0
      }
      eliminate(matrix, inverse, n)
      for i in 0..<count { y[i] = T(compute: T.Compute(inverse[i])) }
    }
    return .compute(scratch: .work(call.threads, room, MemoryLayout<Double>.stride)) { buffers in
      buffers.parallel(all / count, tile)
    }
  }

  /// `∂X = −Yᵀ · ∂Y · Yᵀ` for `Y = X⁻¹`.
  func differentiate(_ backward: inout Backward) throws(OperatorError) {
    guard backward.wants(0), let gradient = backward.gradient() else { return }
    let y = backward.output(0)
    let left = backward.builder.privateNode(
      "TransposedMatMul", [y, gradient], [.int("transA", 1)])
    let product = backward.builder.privateNode(
      "TransposedMatMul", [left, y], [.int("transB", 1)])
    backward.set(0, backward.builder.neg(product))
  }
}

/// Turns `a` into the unit matrix by operations on its rows, and does the same to `b`.
private func eliminate(
  _ a: UnsafeMutablePointer<Double>, _ b: UnsafeMutablePointer<Double>, _ n: Int
) {
  for column in 0..<n {
    var pivot = column
    for row in column..<n where abs(a[row * n + column]) > abs(a[pivot * n + column]) {
      pivot = row
    }
    if pivot != column {
      for j in 0..<n {
        (a[column * n + j], a[pivot * n + j]) = (a[pivot * n + j], a[column * n + j])
        (b[column * n + j], b[pivot * n + j]) = (b[pivot * n + j], b[column * n + j])
      }
    }
    let value = a[column * n + column]
    for j in 0..<n {
      a[column * n + j] /= value
      b[column * n + j] /= value
    }
    for row in 0..<n where row != column {
      let factor = a[row * n + column]
      if factor == 0 { continue }
      for j in 0..<n {
        a[row * n + j] -= factor * a[column * n + j]
        b[row * n + j] -= factor * b[column * n + j]
      }
    }
  }
}
