/// The output of an operation on up to four tensors that broadcast to it, split into rows of
/// contiguous elements. Along a row, each operand is either contiguous or a single element. Adjacent
/// dimensions that all operands have in common are merged. The split into tasks depends only on shapes
/// and cost, never on the number of threads.
public final class BroadcastRows: Sendable {
  /// The step of each operand along a row: 1 if it is contiguous, 0 if it is a single element.
  public let steps: SIMD4<Int>
  /// The number of tasks.
  public let tasks: Int

  private let rowSize: Int
  private let rows: Int
  /// The rows of the innermost of the outer dimensions, and the distance between them.
  private let block: Int
  private let distances: SIMD4<Int>
  /// The walk through the dimensions around it.
  private let walk: StridedWalk
  private let rowsPerTask: Int
  private let piecesPerRow: Int
  private let pieceSize: Int

  /// Splits an output into rows.
  ///
  /// - Parameters:
  ///   - output: the sizes of the output
  ///   - operands: the sizes of at most four tensors that broadcast to `output`
  ///   - cost: the work of one element, in units of a simple arithmetic operation
  public init(_ output: [Int], _ operands: [[Int]], cost: Int = 1) {
    var sizes: [Int] = []
    var strides: [SIMD4<Int>] = []
    var next = SIMD4<Int>(repeating: 1)
    // From the last dimension to the first: `sizes[0]` is the size of a row.
    for (distance, size) in output.reversed().enumerated() {
      var stride = SIMD4<Int>.zero
      for (index, operand) in operands.enumerated() where distance < operand.count {
        let own = operand[operand.count - 1 - distance]
        if own != 1 { stride[index] = next[index] }
        next[index] &*= own
      }
      if size == 1 { continue }
      if let inner = strides.last, let innerSize = sizes.last, stride == inner &* innerSize {
        sizes[sizes.count - 1] = innerSize &* size
      } else {
        sizes.append(size)
        strides.append(stride)
      }
    }
    steps = strides.first ?? .zero
    rowSize = sizes.first ?? 1
    block = sizes.count > 1 ? sizes[1] : 1
    distances = sizes.count > 1 ? strides[1] : .zero
    walk = StridedWalk(innermostFirst: Array(sizes.dropFirst(2)), Array(strides.dropFirst(2)))
    let isEmpty = output.contains(0)
    rows = isEmpty ? 0 : walk.count * block
    let taskSize = max(1, 32768 / max(cost, 1))
    rowsPerTask = max(1, taskSize / max(rowSize, 1))
    piecesPerRow = rowSize > taskSize ? (rowSize - 1) / taskSize + 1 : 1
    pieceSize = piecesPerRow > 1 ? taskSize : rowSize
    tasks = isEmpty ? 0 : ((rows - 1) / rowsPerTask + 1) * piecesPerRow
  }

  /// Rows of a task whose offsets grow evenly.
  public struct Block {
    /// The offset of the first element in the output.
    public let output: Int
    /// The offset of the first element in each operand.
    public let operands: SIMD4<Int>
    /// The distance from one row to the next in each operand.
    public let distances: SIMD4<Int>
    /// The number of elements of a row, which may be a part of one.
    public let count: Int
    /// The number of rows.
    public let rows: Int
  }

  /// Calls `body` for all blocks of a task.
  public func forEachBlock(in task: Int, _ body: (Block) -> Void) {
    if piecesPerRow > 1 {
      let start = task % piecesPerRow * pieceSize
      let row = task / piecesPerRow
      body(
        Block(
          output: row * rowSize + start,
          operands: walk.places(row / block) &+ distances &* (row % block) &+ steps &* start,
          distances: .zero, count: min(pieceSize, rowSize - start), rows: 1))
      return
    }
    var row = task * rowsPerTask
    let end = min(rows, row + rowsPerTask)
    while row < end {
      let (outer, inner) = block == 1 ? (row, 0) : row.quotientAndRemainder(dividingBy: block)
      let count = min(block - inner, end - row)
      body(
        Block(
          output: row * rowSize, operands: walk.places(outer) &+ distances &* inner,
          distances: distances, count: rowSize, rows: count))
      row += count
    }
  }

  /// Calls `body` for each row, or part of a row, of a task with the offset of its first element in
  /// the output and in each operand, and the number of its elements.
  public func forEach(
    in task: Int, _ body: (_ output: Int, _ operands: SIMD4<Int>, _ count: Int) -> Void
  ) {
    forEachBlock(in: task) { block in
      var (output, operands) = (block.output, block.operands)
      for _ in 0..<block.rows {
        body(output, operands, block.count)
        output += block.count
        operands &+= block.distances
      }
    }
  }
}
