import ONNXFormat
import ONNXOperators
import ONNXProducts

/// The layout of the reserve, in which the forward pass of training leaves the gates and states of
/// every step for the backward pass. Steps are in the order of time, whatever `layout` says.
struct RecurrentReserve: Sendable {
  let padded: Int
  private let gates: Int
  private let steps: Int
  private let batch: Int
  private let reversed: [Bool]

  // Offsets in elements from the beginning of a direction.
  /// `[steps, batch, gates, padded]`
  private let gatesAt: Int
  private let argumentsAt: Int?
  /// The states between steps, `[steps + 1, batch, padded]`.
  private let hiddenAt: Int
  private let cellAt: Int
  /// `[steps, batch, padded]`
  let extraAt: Int
  private let hasExtraRows: Bool
  /// Elements of a direction.
  let count: Int

  /// - Throws: `OperatorError.memory` where its size overflows.
  init<T: GateValue>(
    _ type: T.Type, _ cell: CellShape, _ sizes: RecurrentSizes, reversed: [Bool]
  ) throws(OperatorError) {
    (steps, batch, gates) = (sizes.steps, sizes.batch, cell.gates)
    self.reversed = reversed
    padded = (sizes.hidden + T.lanes - 1) / T.lanes * T.lanes
    hasExtraRows = cell.hasExtraRows
    guard steps < Int.max, batch <= Int(Int32.max) else {
      throw .memory(needed: Int.max, limit: Int.max)
    }
    let bytes = MemoryLayout<T>.stride
    var parts = MemoryParts()
    gatesAt = parts.reserve(steps, batch, gates, padded, bytes: bytes) / bytes
    argumentsAt =
      cell.keepsArguments
      ? parts.reserve(steps, batch, gates, padded, bytes: bytes) / bytes : nil
    hiddenAt = parts.reserve(steps + 1, batch, padded, bytes: bytes) / bytes
    cellAt =
      cell.hasCellState
      ? parts.reserve(steps + 1, batch, padded, bytes: bytes) / bytes : hiddenAt
    extraAt =
      hasExtraRows ? parts.reserve(steps, batch, padded, bytes: bytes) / bytes : hiddenAt
    count = parts.byteCount / bytes
    _ = parts.reserve(count, sizes.directions, bytes: bytes)
    try parts.check()
  }

  /// The shape of the tensor that holds it.
  var shape: [Int] { [reversed.count, count] }

  /// Where the states before the first step of time lie, of which those before the other steps
  /// follow.
  func previousStates(_ direction: Int) -> Int {
    hiddenAt + (reversed[direction] ? batch * padded : 0)
  }

  /// The gates and states of a step, counted in the order in which the direction takes them.
  func memory<T: GateValue>(
    _ reserve: UnsafeMutablePointer<T>, _ step: Int, _ direction: Int, firstUnit: Int = 0
  ) -> StepMemory<T> {
    let start = reserve + direction * count
    let state = batch * padded
    let isReversed = reversed[direction]
    let time = isReversed ? steps - 1 - step : step
    let previous = (isReversed ? time + 1 : time) * state
    let next = (isReversed ? time : time + 1) * state
    return StepMemory(
      padded: padded, gateCount: gates, firstUnit: firstUnit,
      gates: start + gatesAt + time * gates * state,
      arguments: argumentsAt.map { start + $0 + time * gates * state },
      previous: start + hiddenAt + previous, next: start + hiddenAt + next,
      previousCell: start + cellAt + previous, nextCell: start + cellAt + next,
      extra: start + extraAt + (hasExtraRows ? time * state : 0))
  }
}
