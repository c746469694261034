import ONNXFormat
import ONNXOperators
import ONNXProducts

/// Hands out parts of a piece of memory, in bytes.
struct MemoryParts: Sendable {
  private(set) var byteCount = 0
  private(set) var overflows = false

  /// Where a part of so many elements begins, the product of `counts`.
  mutating func reserve(_ counts: Int..., bytes: Int) -> Int {
    let start = byteCount
    var size = bytes
    for count in counts {
      let (product, overflow) = size.multipliedReportingOverflow(by: count)
      overflows = overflows || overflow
      size = product
    }
    let (end, overflow) = start.addingReportingOverflow((size &+ 63) & ~63)
    overflows = overflows || overflow || size > Int.max - 64
    byteCount = overflows ? 0 : end
    return start
  }

  /// - Throws: `OperatorError.memory` where the parts were more than can be counted.
  func check() throws(OperatorError) {
    if overflows { throw .memory(needed: Int.max, limit: Int.max) }
  }
}

/// A recurrent layer that is trained: its sizes, and where in the reserve lies what the forward
/// pass leaves for the backward one. All of it is in the order of the steps, whatever `layout` says.
struct TrainingLayer<C: TrainingCell>: Sendable {
  typealias T = C.Value

  let cell: C
  let reversed: [Bool]
  let sizes: RecurrentSizes
  let packing: RecurrentPacking
  /// The hidden size, filled up.
  let padded: Int
  let gates: Int
  let slots: Int
  /// Tasks of a direction: rows of the batch go along the sequence together.
  let blocks: Int

  /// Offsets in bytes from the beginning of a direction's part of the reserve: gates and sums
  /// `[steps, batch, gates, padded]`; the states between steps `[steps + 1, batch, padded]`;
  /// `[steps, batch, padded]` rows of the cell's own.
  let gatesAt: Int
  let sumsAt: Int
  let hiddenAt: Int
  let cellAt: Int
  let extraAt: Int
  /// Bytes of a direction.
  let reserveSize: Int

  init(
    _ cell: C, _ shape: RecurrentShape, _ attributes: RecurrentAttributes
  ) throws(OperatorError) {
    self.cell = cell
    reversed = attributes.reversed
    sizes = try RecurrentSizes(shape)
    packing = RecurrentPacking(cell, hidden: sizes.hidden)
    let lanes = T.lanes
    padded = (sizes.hidden + lanes - 1) / lanes * lanes
    gates = cell.gates
    slots = cell.slotCount
    blocks = sizes.batch < 8 ? 1 : 2 * max(1, min(sizes.batch / 32, 128))
    let (steps, batch, value) = (sizes.steps, sizes.batch, MemoryLayout<T>.stride)
    guard steps < Int.max, batch <= Int(Int32.max) else {
      throw .memory(needed: Int.max, limit: Int.max)
    }
    var parts = MemoryParts()
    gatesAt = parts.reserve(steps, batch, gates, padded, bytes: value)
    sumsAt = cell.keepsSums ? parts.reserve(steps, batch, gates, padded, bytes: value) : gatesAt
    hiddenAt = parts.reserve(steps + 1, batch, padded, bytes: value)
    cellAt =
      cell.hasCellState ? parts.reserve(steps + 1, batch, padded, bytes: value) : hiddenAt
    extraAt = cell.hasExtraRows ? parts.reserve(steps, batch, padded, bytes: value) : hiddenAt
    reserveSize = parts.byteCount
    _ = parts.reserve(reserveSize, sizes.directions, bytes: 1)
    try parts.check()
  }

  /// The shape of the reserve.
  var reserve: [Int] { [sizes.directions, reserveSize / MemoryLayout<T>.stride] }

  /// The step of X that a direction comes to.
  func time(_ index: Int, _ direction: Int) -> Int {
    reversed[direction] ? sizes.steps - 1 - index : index
  }
  /// The states before a step, among those between steps.
  func before(_ time: Int, _ direction: Int) -> Int { reversed[direction] ? time + 1 : time }
  /// The states after a step.
  func after(_ time: Int, _ direction: Int) -> Int { reversed[direction] ? time : time + 1 }

  /// Rows of the batch of a block.
  func rows(_ block: Int) -> Range<Int> {
    sizes.batch * block / blocks..<sizes.batch * (block + 1) / blocks
  }

  /// Slots side by side whose units have no gap between them: all where nothing is filled up.
  func runs(_ slots: Range<Int>) -> [(slot: Int, units: Int)] {
    if padded == sizes.hidden { return [(slots.lowerBound, slots.count * sizes.hidden)] }
    return slots.map { ($0, sizes.hidden) }
  }

  /// Lengths of sequences, as `sequence_lens` has them.
  /// - Throws: `OperatorError.input` where one is negative or beyond X.
  func check(lengths: UnsafePointer<Int32>?) throws(OperatorError) {
    guard let lengths else { return }
    for row in 0..<sizes.batch where !(0...sizes.steps).contains(Int(lengths[row])) {
      throw .input(4, "expected lengths of 0 to \(sizes.steps), got \(lengths[row])")
    }
  }

  /// Copies X in the order of the steps, with 0 past the ends of sequences.
  func copyInput(
    _ x: UnsafePointer<T>, _ target: UnsafeMutablePointer<T>, lengths: UnsafePointer<Int32>?,
    step: Int
  ) {
    for row in 0..<sizes.batch {
      let place = target + (step * sizes.batch + row) * sizes.input
      if let lengths, step >= Int(lengths[row]) {
        place.clear(sizes.input)
      } else {
        place.update(from: x + sizes.inputRow(step, row) * sizes.input, count: sizes.input)
      }
    }
  }

  /// Fills up the states of some rows, those of `given` or 0.
  func readStates(
    _ given: UnsafePointer<T>?, _ states: UnsafeMutablePointer<T>, _ direction: Int,
    _ rows: Range<Int>
  ) {
    for row in rows {
      let state = states + row * padded
      state.clear(padded)
      if let given {
        state.update(
          from: given + sizes.stateRow(direction, row) * sizes.hidden, count: sizes.hidden)
      }
    }
  }

  /// Writes the states of some rows without what fills them up.
  func write(
    _ states: UnsafePointer<T>, to target: UnsafeMutablePointer<T>, _ direction: Int,
    _ rows: Range<Int>
  ) {
    for row in rows {
      (target + sizes.stateRow(direction, row) * sizes.hidden)
        .update(from: states + row * padded, count: sizes.hidden)
    }
  }
}
