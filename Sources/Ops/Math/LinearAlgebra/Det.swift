import ONNXFormat
import ONNXOperators

/// The determinants of matrices `[…, n, n]`, by Gaussian elimination with partial pivoting in
/// double precision.
struct Det: RealOperator, AttributeFreeOperator, DifferentiableOperator {
  static let schema = Schema("Det", [11: .floats, 22: [.floats, .bfloat16]], inputs: 1...1)

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let data = try inputs.tensor(0)
    guard let shape = data.shape else { return [.tensor(data.elementType, nil)] }
    guard shape.rank >= 2 else { throw .input(0, "expected matrices, got shape \(shape)") }
    if let rows = shape[shape.rank - 2].size, let columns = shape[shape.rank - 1].size,
      rows != columns
    {
      throw .input(0, "expected square matrices, got shape \(shape)")
    }
    return [.tensor(data.elementType, Shape(Array(shape.dropLast(2))))]
  }

  func visit<T: RealElement>(
    _ type: T.Type, _ call: Preparation
  ) throws(OperatorError) -> Kernel {
    let n = try call.inputSizes(0).last ?? 0
    let matrices = try call.outputCount(0)
    // A batch may be empty while n is huge: reserve memory only if there is a matrix.
    let count = matrices == 0 ? 0 : n * n
    let tile: Buffers.Tile = { buffers, task, thread in
      let x = buffers.input(0, as: T.self) + task * count
      let matrix = buffers.scratch.assumingMemoryBound(to: Double.self) + thread * count
      for i in 0..<count { matrix[i] = Double(x[i].compute) }
      buffers.output(0, as: T.self)[task] = T(compute: T.Compute(determinant(matrix, n)))
    }
    return .compute(scratch: call.threads * count * 8) { buffers in
      buffers.parallel(matrices, tile)
    }
  }

  func differentiate(_ backward: inout Backward) throws(OperatorError) {
    guard let gradient = backward.gradient() else { return }
    backward.set(0, backward.builder.privateNode("DetGrad", [gradient, backward.input(0)]))
  }
}

/// The determinant of a matrix, which is overwritten.
private func determinant(_ a: UnsafeMutablePointer<Double>, _ n: Int) -> Double {
  var result = 1.0
  for column in 0..<n {
    if Deadline.isPassed { return 0 }
    var pivot = column
    for row in column..<n where abs(a[row * n + column]) > abs(a[pivot * n + column]) {
      pivot = row
    }
    if pivot != column {
      for j in column..<n {
        (a[column * n + j], a[pivot * n + j]) = (a[pivot * n + j], a[column * n + j])
      }
      result = -result
    }
    let value = a[column * n + column]
    result *= value
    if value == 0 { return result }
    for row in column + 1..<max(n, column + 1) {
      let factor = a[row * n + column] / value
      for j in column..<n { a[row * n + j] -= factor * a[column * n + j] }
    }
  }
  return result
}
