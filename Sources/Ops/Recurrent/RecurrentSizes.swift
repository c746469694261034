import ONNXFormat
import ONNXOperators
import ONNXProducts

/// Sizes of a recurrent layer that is about to run, and where rows lie in its tensors.
struct RecurrentSizes: Sendable {
  let steps: Int
  let batch: Int
  let input: Int
  let hidden: Int
  let directions: Int
  let batchFirst: Bool

  /// Units that no square matrix in memory has.
  private static let mostUnits = 1 << 28

  /// - Throws: `OperatorError` where a size is not known, or so large that no memory would do.
  init(_ shape: RecurrentShape) throws(OperatorError) {
    guard let steps = shape.steps.size, let batch = shape.batch.size,
      let input = shape.input.size, let hidden = shape.hidden.size
    else { throw .invalid("the sizes of its inputs are not known") }
    self.steps = steps
    self.batch = batch
    self.input = input
    self.hidden = hidden
    directions = shape.directions
    batchFirst = shape.batchFirst
    guard max(input, hidden) <= Self.mostUnits else {
      throw .memory(needed: Int.max, limit: Int.max)
    }
  }

  /// The row of X for a step and a row of the batch.
  func inputRow(_ step: Int, _ row: Int) -> Int {
    batchFirst ? row * steps + step : step * batch + row
  }
  /// The row of Y.
  func outputRow(_ step: Int, _ direction: Int, _ row: Int) -> Int {
    batchFirst
      ? (row * steps + step) * directions + direction
      : (step * directions + direction) * batch + row
  }
  /// The row of an initial or last state.
  func stateRow(_ direction: Int, _ row: Int) -> Int {
    batchFirst ? row * directions + direction : direction * batch + row
  }
}

/// How the work of a step is cut for threads. Results do not depend on it: tiles end where panels
/// of packed weights do.
struct RecurrentTiling: Sendable {
  /// Tiles of one direction.
  let perDirection: Int
  let directions: Int
  /// Threads that are worth their while.
  let members: Int
  private let padded: Int
  private let panel: Int

  /// Multiplications of a step for which another thread pays.
  private static let threshold = 16384

  init(_ sizes: RecurrentSizes, _ layout: PackedLayout, threads: Int) {
    padded = layout.padded
    panel = layout.panel
    directions = sizes.directions
    let panels = (padded + panel - 1) / panel
    let weights = (sizes.hidden + sizes.input) * padded * layout.gates
    let work = (weights * directions).multipliedReportingOverflow(by: sizes.batch)
    let useful = work.overflow ? Int.max : work.partialValue / Self.threshold
    let threads = max(1, min(threads, useful))
    perDirection = min(panels, (threads + directions - 1) / directions)
    members = min(threads, perDirection * directions)
  }

  var count: Int { perDirection * directions }

  /// The hidden units of a tile.
  func units(_ tile: Int) -> Range<Int> {
    let panels = (padded + panel - 1) / panel
    let index = tile % perDirection
    let end = panels * (index + 1) / perDirection * panel
    return panels * index / perDirection * panel..<min(end, padded)
  }
}
