import ONNXFormat
import ONNXOperators

/// The shape of the result of `numpy.matmul`, as far as it is known from the shapes of its inputs.
package func productShape(_ a: Shape?, _ b: Shape?) throws(OperatorError) -> Shape? {
  for (index, shape) in [a, b].enumerated() where shape?.rank == 0 {
    throw .input(index, "expected rank 1 or higher, got a scalar")
  }
  guard let a, let b else { return nil }
  let depthA = a[a.rank - 1]
  let depthB = b.rank == 1 ? b[0] : b[b.rank - 2]
  if let m = depthA.size, let n = depthB.size, m != n {
    throw .input(1, "shapes \(a) and \(b) cannot be multiplied: \(m) columns, \(n) rows")
  }
  let batchA = Array(a.dropLast(2))
  let batchB = Array(b.dropLast(2))
  var result: [Dimension] = []
  for axis in (0..<max(batchA.count, batchB.count)).reversed() {
    let x: Dimension = axis < batchA.count ? batchA[batchA.count - 1 - axis] : 1
    let y: Dimension = axis < batchB.count ? batchB[batchB.count - 1 - axis] : 1
    switch (x.size, y.size) {
    case (1, _): result.append(y)
    case (_, 1): result.append(x)
    case (let m?, let n?):
      guard m == n else {
        throw .input(1, "batch axes of \(a) and \(b) cannot be broadcast: sizes \(m) and \(n)")
      }
      result.append(x)
    case (_?, nil): result.append(x)
    case (nil, _?): result.append(y)
    case (nil, nil): result.append(x == y ? x : .unknown)
    }
  }
  if a.rank > 1 { result.append(a[a.rank - 2]) }
  if b.rank > 1 { result.append(b[b.rank - 1]) }
  return Shape(result)
}

/// The sizes of a matrix product, or of a batch of products whose batch axes broadcast.
package struct ProductSizes: Sendable {
  package var rows: Int
  package var columns: Int
  package var depth: Int
  /// The number of matrices of the result.
  package private(set) var matrices: Int
  /// The sizes of the batch axes, and their strides in matrices of A and B.
  private var batch: [(size: Int, a: Int, b: Int)]

  /// - Throws: If a size overflows. `productShape` has checked that the shapes match.
  package init(_ a: [Int], _ b: [Int]) throws(OperatorError) {
    rows = a.count > 1 ? a[a.count - 2] : 1
    depth = a[a.count - 1]
    columns = b.count > 1 ? b[b.count - 1] : 1
    let batchA = Array(a.dropLast(2))
    let batchB = Array(b.dropLast(2))
    batch = []
    var sizes: [Int] = []
    var stepA = 1
    var stepB = 1
    for axis in 0..<max(batchA.count, batchB.count) {
      let m = axis < batchA.count ? batchA[batchA.count - 1 - axis] : 1
      let n = axis < batchB.count ? batchB[batchB.count - 1 - axis] : 1
      let size = m == 1 ? n : m
      sizes.append(size)
      batch.append((size, m == 1 ? 0 : stepA, n == 1 ? 0 : stepB))
      (stepA, stepB) = (Int.work(stepA, m), Int.work(stepB, n))
    }
    guard let all = (sizes + [rows, columns]).elementCount else {
      throw .invalid("the product of \(a) and \(b) overflows")
    }
    matrices = all == 0 ? 0 : sizes.elementCount ?? 0
  }

  /// Whether the result has no elements.
  package var isEmpty: Bool { matrices == 0 }

  /// The indices of the matrices of A and B whose product is matrix `index` of the result.
  package func factors(_ index: Int) -> (a: Int, b: Int) {
    var rest = index
    var result = (a: 0, b: 0)
    for axis in batch {
      let place = rest % axis.size
      rest /= axis.size
      result.a += place * axis.a
      result.b += place * axis.b
    }
    return result
  }

  /// The batch as a single product with a taller A, if all products share B.
  package var folded: ProductSizes {
    guard !isEmpty, batch.allSatisfy({ $0.b == 0 && ($0.a != 0 || $0.size == 1) }) else {
      return self
    }
    var folded = self
    folded.rows *= matrices
    folded.matrices = 1
    folded.batch = []
    return folded
  }
}
