import ONNXFormat
import ONNXOperators
import RealModule

/// The arithmetic of a matrix product by plain loops.
package protocol ProductRule: Sendable {
  associatedtype A
  associatedtype B
  associatedtype Y
  associatedtype Sum
  /// The type in which elements are multiplied.
  associatedtype Factor
  /// The values shared by all elements of a matrix in a run.
  associatedtype Context

  /// - Parameters: the indices of the matrices of A and B
  func context(_ buffers: Buffers, a: Int, b: Int) -> Context
  func left(_ a: A, row: Int, _ context: Context) -> Factor
  func right(_ b: B, column: Int, _ context: Context) -> Factor
  var start: Sum { get }
  func add(_ sum: inout Sum, _ a: Factor, _ b: Factor)
  func finish(_ sum: Sum, row: Int, column: Int, _ context: Context) -> Y
}

/// A matrix product by plain loops, for element types that BLAS does not support.
package struct PlainProduct: Sendable {
  package let sizes: ProductSizes
  /// The input indices of A and B.
  package var a = 0
  package var b = 1
  package var transposeA = false
  package var transposeB = false

  package func kernel<Rule: ProductRule>(_ rule: Rule) -> Kernel {
    let product = self
    let (rows, columns, depth) = (sizes.rows, sizes.columns, sizes.depth)
    let tiles = Tiles(rows, cost: .work(max(depth, 1), columns))
    let (strideA, stepA) = transposeA ? (1, rows) : (depth, 1)
    let (stepB, strideB) = transposeB ? (1, depth) : (columns, 1)
    let tile: Buffers.Tile = { buffers, task, _ in
      let matrix = task / tiles.count
      let factors = product.sizes.factors(matrix)
      let a = buffers.input(product.a, as: Rule.A.self) + factors.a * rows * depth
      let b = buffers.input(product.b, as: Rule.B.self) + factors.b * depth * columns
      let y = buffers.output(0, as: Rule.Y.self) + matrix * rows * columns
      let context = rule.context(buffers, a: factors.a, b: factors.b)
      let block = min(columns, 256)
      withUnsafeTemporaryAllocation(of: Rule.Sum.self, capacity: block) { sums in
        for row in tiles[task % tiles.count] {
          var column = 0
          while column < columns {
            let width = min(block, columns - column)
            for j in 0..<width { sums[j] = rule.start }
            for k in 0..<depth {
              let factor = rule.left(a[row * strideA + k * stepA], row: row, context)
              let b = b + k * stepB
              for j in 0..<width {
                let other = rule.right(b[(column + j) * strideB], column: column + j, context)
                rule.add(&sums[j], factor, other)
              }
            }
            for j in 0..<width {
              y[row * columns + column + j] = rule.finish(
                sums[j], row: row, column: column + j, context)
            }
            column += width
          }
        }
      }
    }
    guard !sizes.isEmpty else { return .compute { _ in } }
    let tasks = sizes.matrices * tiles.count
    return .compute { buffers in buffers.parallel(tasks, tile) }
  }
}

/// `y = Σ a · b` of elements of one type.
package struct ProductSum<T: ProductElement>: ProductRule {
  package func context(_ buffers: Buffers, a: Int, b: Int) {}
  package func left(_ a: T, row: Int, _: Void) -> T { a }
  package func right(_ b: T, column: Int, _: Void) -> T { b }
  package var start: T.Sum { T.emptySum }
  package func add(_ sum: inout T.Sum, _ a: T, _ b: T) { T.add(&sum, a, times: b) }
  package func finish(_ sum: T.Sum, row: Int, column: Int, _: Void) -> T { T(sum: sum) }
}
