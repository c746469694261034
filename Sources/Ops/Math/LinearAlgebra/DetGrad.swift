import ONNXFormat
import ONNXOperators

/// The gradient of `Det`: the gradient of its output, `[…]`, times the cofactors of the matrices
/// `[…, n, n]`, in double precision.
struct DetGrad: RealOperator, AttributeFreeOperator {
  static let schema = Schema(
    "DetGrad", domain: Registry.privateDomain, [1: [.floats, .bfloat16]], inputs: 2...2)

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let x = try inputs.tensor(1, sameTypeAs: 0)
    let own = Inputs(types: Array(inputs.types.dropFirst()))
    if let expected = try Det().infer(own).first?.tensorType?.shape {
      try inputs.require(0, expected)
    }
    return [.tensor(x)]
  }

  func visit<T: RealElement>(
    _ type: T.Type, _ call: Preparation
  ) throws(OperatorError) -> Kernel {
    let n = try call.inputSizes(1).last ?? 0
    // Matrices of size 0 need no work.
    let matrices = n == 0 ? 0 : try call.inputCount(0)
    let count = matrices == 0 ? 0 : n * n
    let room = count + 3 * n
    let tile: Buffers.Tile = { buffers, task, thread in
      let x = buffers.input(1, as: T.self) + task * count
      let gx = buffers.output(0, as: T.self) + task * count
      let gradient = Double(buffers.input(0, as: T.self)[task].compute)
      let base = buffers.scratch + thread * room * 8
      let matrix = base.assumingMemoryBound(to: Double.self)
      for i in 0..<count { matrix[i] = Double(x[i].compute) }
      let vectors = matrix + count
      let orders = UnsafeMutableRawPointer(vectors + n).assumingMemoryBound(to: Int.self)
      var factors = TriangularFactors(n, matrix, rows: orders, columns: orders + n)
      for i in 0..<count { gx[i] = T(compute: 0) }
      factors.adjugate(vectors) { row, column, value in
        gx[row * n + column] = T(compute: T.Compute(gradient * value))
      }
    }
    let scratch = matrices == 0 ? 0 : call.threads * room * 8
    return .compute(scratch: scratch) { buffers in buffers.parallel(matrices, tile) }
  }
}

/// The LU factorisation, with complete pivoting, of a matrix A: `B = L U`, where
/// `B[i, j] = A[p[i], q[j]]`.
private struct TriangularFactors {
  let n: Int
  /// U on and above the diagonal, L below it; the diagonal of L is 1.
  let b: UnsafeMutablePointer<Double>
  let rows: UnsafeMutablePointer<Int>
  let columns: UnsafeMutablePointer<Int>
  private(set) var rank = 0
  /// The determinant of the row and column permutations.
  private(set) var sign = 1.0

  init(
    _ n: Int, _ b: UnsafeMutablePointer<Double>, rows: UnsafeMutablePointer<Int>,
    columns: UnsafeMutablePointer<Int>
  ) {
    (self.n, self.b, self.rows, self.columns) = (n, b, rows, columns)
    for i in 0..<n { (rows[i], columns[i]) = (i, i) }
    while rank < n, takeNext() { rank += 1 }
  }

  private mutating func takeNext() -> Bool {
    var (row, column) = (rank, rank)
    for i in rank..<n {
      for j in rank..<n where abs(b[i * n + j]) > abs(b[row * n + column]) {
        (row, column) = (i, j)
      }
    }
    if b[row * n + column] == 0 { return false }
    if row != rank {
      for j in 0..<n { (b[row * n + j], b[rank * n + j]) = (b[rank * n + j], b[row * n + j]) }
      (rows[row], rows[rank]) = (rows[rank], rows[row])
      sign = -sign
    }
    if column != rank {
      for i in 0..<n { (b[i * n + column], b[i * n + rank]) = (b[i * n + rank], b[i * n + column]) }
      (columns[column], columns[rank]) = (columns[rank], columns[column])
      sign = -sign
    }
    for i in rank + 1..<max(n, rank + 1) {
      let factor = b[i * n + rank] / b[rank * n + rank]
      b[i * n + rank] = factor
      for j in rank + 1..<n { b[i * n + j] -= factor * b[rank * n + j] }
    }
    return true
  }

  /// Calls `body` with the position of each element of A and its cofactor, unless all are 0.
  ///
  /// The adjugate of B is `det(B) U⁻¹ L⁻¹`. If only the last diagonal element of U is 0, it is
  /// `d v wᵀ`, where d is the product of the other ones, `U v = 0` and `wᵀ L = (0 … 0 1)`.
  mutating func adjugate(
    _ v: UnsafeMutablePointer<Double>, _ body: (_ row: Int, _ column: Int, _ value: Double) -> Void
  ) {
    guard rank >= n - 1 else { return }
    var product = sign
    for i in 0..<rank { product *= b[i * n + i] }
    if rank == n {
      for column in 0..<n {
        for i in 0..<n {
          v[i] = i == column ? 1 : 0
          for j in 0..<i { v[i] -= b[i * n + j] * v[j] }
        }
        backSubstitute(v, n)
        for j in 0..<n { body(rows[column], columns[j], product * v[j]) }
      }
      return
    }
    let last = n - 1
    for i in 0..<last { v[i] = -b[i * n + last] }
    backSubstitute(v, last)
    v[last] = 1
    // Overwrite row `last` of L with w: each step needs only the rows below its own.
    for j in (0..<last).reversed() {
      var w = -b[last * n + j]
      for i in j + 1..<max(last, j + 1) { w -= b[last * n + i] * b[i * n + j] }
      b[last * n + j] = w
    }
    for i in 0..<n {
      let w = i == last ? 1 : b[last * n + i]
      for j in 0..<n { body(rows[i], columns[j], product * v[j] * w) }
    }
  }

  /// Solves `U v = v` in place for the first `count` rows and columns.
  private func backSubstitute(_ v: UnsafeMutablePointer<Double>, _ count: Int) {
    for i in (0..<count).reversed() {
      for j in i + 1..<max(count, i + 1) { v[i] -= b[i * n + j] * v[j] }
      v[i] /= b[i * n + i]
    }
  }
}
