import ONNXOperators

/// Sums of dW where the rows of X are one-hot vectors: the gradients of a row are added to the column
/// that it picks.
struct PickedSums<T: GateValue>: Sendable {
  private let sizes: RecurrentSizes
  private let gates: Int
  /// Where in the scratch memory the columns that the rows pick are noted, and the sums,
  /// `[directions, gates, input, hidden]`.
  private let places: (columns: Int, sums: Int)

  init(_ sizes: RecurrentSizes, gates: Int, _ parts: inout MemoryParts) {
    self.sizes = sizes
    self.gates = gates
    let rows = Int.work(sizes.steps, sizes.batch)
    places = (
      parts.reserve(OneHotRows.memory(rows: rows), bytes: MemoryLayout<Int32>.stride),
      parts.reserve(
        sizes.directions, gates, sizes.input, sizes.hidden, bytes: MemoryLayout<T>.stride)
    )
  }

  private func notes(_ buffers: Buffers) -> UnsafeMutablePointer<Int32> {
    (buffers.scratch + places.columns).assumingMemoryBound(to: Int32.self)
  }

  /// The sums of a gate in a direction.
  private func sums(_ buffers: Buffers, _ gate: Int) -> UnsafeMutablePointer<T> {
    (buffers.scratch + places.sums).assumingMemoryBound(to: T.self) + gate * sizes.input
      * sizes.hidden
  }

  /// Looks for one-hot rows in X.
  func find(_ buffers: Buffers) {
    OneHotRows.find(
      buffers.input(0, as: T.self), rows: sizes.steps * sizes.batch, width: sizes.input,
      notes(buffers))
  }

  /// The rows of X; `nil` if they are others.
  func rows(_ buffers: Buffers) -> OneHotRows? { OneHotRows(notes(buffers)) }

  /// Adds the gradients of a gate's units in some rows.
  /// - Parameters:
  ///   - units: the first unit and their number
  ///   - gradients: those of the units in the first row
  ///   - next: how far apart the gradients of two rows are
  ///   - isFirst: whether no rows came before
  func add(
    _ oneHot: OneHotRows, _ buffers: Buffers, _ direction: Int, _ gate: Int,
    units: (first: Int, count: Int), _ gradients: UnsafePointer<T>, next: Int, rows: Range<Int>,
    isFirst: Bool
  ) {
    let sums = sums(buffers, direction * gates + gate) + units.first
    if isFirst {
      for column in 0..<sizes.input { (sums + column * sizes.hidden).clear(units.count) }
    }
    for row in rows {
      let (step, own) = row.quotientAndRemainder(dividingBy: sizes.batch)
      guard let column = oneHot[sizes.inputRow(step, own)] else { continue }
      (sums + column * sizes.hidden).add(gradients + (row - rows.lowerBound) * next, units.count)
    }
  }

  /// Copies the sums of a gate in a direction to dW.
  func copy(_ gate: Int, _ buffers: Buffers, to dW: UnsafeMutablePointer<T>) {
    let sums = sums(buffers, gate)
    for unit in 0..<sizes.hidden {
      let row = dW + (gate * sizes.hidden + unit) * sizes.input
      for column in 0..<sizes.input { row[column] = sums[column * sizes.hidden + unit] }
    }
  }
}
