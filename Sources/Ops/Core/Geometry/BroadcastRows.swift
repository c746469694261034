/// The output of an operation on up to four tensors that broadcast to it, split into rows of
/// contiguous elements. Along a row, each operand is either contiguous or a single element. Adjacent
/// dimensions that all operands have in common are merged. The split into tasks depends only on shapes
/// and cost, never on the number of threads.
public struct BroadcastRows: Sendable {
  /// The step of each operand along a row: 1 if it is contiguous, 0 if it is a single element.
  public let steps: SIMD4<Int>
  /// The number of tasks.
  public let tasks: Int

  /// The number of elements of a row.
  let rowSize: Int
  /// The distances between the first elements of neighbouring rows of each operand.
  let rowSteps: SIMD4<Int>
  /// The number of rows with these distances.
  private let blockRows: Int
  private let rows: Int
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
    rowSteps = strides.count > 1 ? strides[1] : .zero
    blockRows = sizes.count > 1 ? sizes[1] : 1
    walk = StridedWalk(innermostFirst: Array(sizes.dropFirst()), Array(strides.dropFirst()))
    let isEmpty = output.contains(0)
    rows = isEmpty ? 0 : walk.count
    let taskSize = max(1, 32768 / max(cost, 1))
    rowsPerTask = max(1, taskSize / max(rowSize, 1))
    piecesPerRow = rowSize > taskSize ? (rowSize - 1) / taskSize + 1 : 1
    pieceSize = piecesPerRow > 1 ? taskSize : rowSize
    tasks = isEmpty ? 0 : ((rows - 1) / rowsPerTask + 1) * piecesPerRow
  }

  /// Whether rows are so short that a loop over several of them is faster.
  var areShort: Bool { rowSize <= 512 && blockRows >= 4 && piecesPerRow == 1 }

  /// Calls `body` for blocks of neighbouring rows of a task with the offset of the first element in
  /// the output and in each operand, and the number of rows.
  func forEachBlock(
    in task: Int, _ body: (_ output: Int, _ operands: SIMD4<Int>, _ rows: Int) -> Void
  ) {
    let end = min(rows, (task + 1) * rowsPerTask)
    var row = task * rowsPerTask
    while row < end {
      let count = min(blockRows - row % blockRows, end - row)
      walk.forEach(row..<row + 1) { body($0 * rowSize, $1, count) }
      row += count
    }
  }

  /// Calls `body` for each row, or part of a row, of a task with the offset of its first element in
  /// the output and in each operand, and the number of its elements.
  public func forEach(
    in task: Int, _ body: (_ output: Int, _ operands: SIMD4<Int>, _ count: Int) -> Void
  ) {
    if piecesPerRow > 1 {
      let start = task % piecesPerRow * pieceSize
      let row = task / piecesPerRow
      let count = min(pieceSize, rowSize - start)
      walk.forEach(row..<row + 1) { body($0 * rowSize + start, $1 &+ steps &* start, count) }
    } else {
      let first = task * rowsPerTask
      walk.forEach(first..<min(rows, first + rowsPerTask)) { body($0 * rowSize, $1, rowSize) }
    }
  }
}
