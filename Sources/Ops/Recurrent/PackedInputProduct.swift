import CKernels
import ONNXFormat
import ONNXOperators
import ONNXProducts

/// The product `dX = Σ dG · W` over directions with packed matrices. Each task computes some rows of a
/// chunk of steps, one for each step and row of the batch, whose sums stay in the second-level cache.
struct PackedInputProduct<T: GateValue>: Sendable {
  private let sizes: RecurrentSizes
  private let gates: Int
  private let slots: Int
  private let padded: Int
  private let layout: PackedLayout
  /// Rows of a direction in the largest chunk.
  private let most: Int
  /// Rows of whole vectors for each thread, where those of X are not.
  private let sums: Int?
  private static var rowsOfTask: Int { 64 }

  /// - Parameter chunk: steps of a chunk
  init(
    _ cell: CellShape, _ sizes: RecurrentSizes, padded: Int, chunk: Int, threads: Int,
    _ parts: inout MemoryParts
  ) {
    self.sizes = sizes
    (gates, slots) = (cell.gates, cell.slots)
    self.padded = padded
    layout = PackedLayout(
      gates: 1, hidden: sizes.input, depth: gates * padded, lanes: T.lanes, panel: T.panel)
    most = Int.work(chunk, sizes.batch)
    sums =
      layout.padded == sizes.input
      ? nil
      : parts.reserve(threads, Self.rowsOfTask, layout.padded, bytes: MemoryLayout<T>.stride)
  }

  /// Elements of the packed matrix of one direction.
  var count: Int { layout.count }
  var panels: Int { layout.panels }
  func tasks(steps: Int) -> Int {
    (steps * sizes.batch + Self.rowsOfTask - 1) / Self.rowsOfTask
  }

  /// Packs a panel of W of one direction, `[gates · hidden, input]`.
  func pack(_ W: UnsafePointer<T>, panel: Int, _ target: UnsafeMutablePointer<T>) {
    layout.packTransposed(W, rows: sizes.hidden, blocks: gates, panel: panel, target)
  }

  /// Adds the contribution of one direction to some rows of dX.
  /// - Parameters:
  ///   - step: the first step of time of the chunk, and `steps` their number
  ///   - gradients: those of the direction, `[rows, slots, padded]`
  ///   - isFirst: whether no direction has reached a step before
  func run(
    _ task: Int, _ buffers: Buffers, thread: Int, step: Int, steps: Int,
    gradients: UnsafePointer<T>, packed: UnsafePointer<T>, isFirst: (Int) -> Bool
  ) {
    let dX = buffers.output(0, as: T.self)
    let first = task * Self.rowsOfTask
    let range = first..<min(first + Self.rowsOfTask, steps * sizes.batch)
    let sums = sums.map {
      (buffers.scratch + $0).assumingMemoryBound(to: T.self)
        + thread * Self.rowsOfTask * layout.padded
    }
    func place(_ row: Int) -> (y: UnsafeMutablePointer<T>, isFirst: Bool) {
      let (own, batch) = row.quotientAndRemainder(dividingBy: sizes.batch)
      return (dX + sizes.inputRow(step + own, batch) * sizes.input, isFirst(step + own))
    }
    withUnsafeTemporaryAllocation(of: ck_row.self, capacity: Self.rowsOfTask) { rows in
      for (index, row) in range.enumerated() {
        let target = sums.map { ($0 + index * layout.padded, true) } ?? place(row)
        if target.1 { target.0.clear(layout.padded) }
        rows.initializeElement(
          at: index, to: ck_row(x: gradients + row * slots * padded, y: target.0))
      }
      T.multiply(
        packed, depth: layout.depth, units: layout.padded, gates: 1, stride: layout.padded,
        UnsafeBufferPointer(start: rows.baseAddress, count: range.count), backwards: false)
    }
    guard let sums else { return }
    for (index, row) in range.enumerated() {
      let (y, isFirst) = place(row)
      if isFirst {
        y.update(from: sums + index * layout.padded, count: sizes.input)
      } else {
        y.add(sums + index * layout.padded, sizes.input)
      }
    }
  }
}
