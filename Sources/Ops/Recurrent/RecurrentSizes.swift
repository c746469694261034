import ONNXFormat
import ONNXOperators
import ONNXProducts

/// Sizes of a recurrent layer that is about to run, and the positions of rows in its tensors.
struct RecurrentSizes: Sendable {
  let steps: Int
  let batch: Int
  let input: Int
  let hidden: Int
  let directions: Int
  let batchFirst: Bool

  /// More units than any square matrix in memory has.
  private static let mostUnits = 1 << 28

  /// - Throws: `OperatorError` where a size is unknown, or larger than memory allows.
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

  /// The number of steps of the longest sequence.
  /// - Parameter lengths: `sequence_lens`, input 4; `nil` where all sequences have all steps
  /// - Throws: `OperatorError.input` where a length is negative or exceeds the steps of X.
  func longest(_ lengths: UnsafePointer<Int32>?) throws(OperatorError) -> Int {
    guard let lengths else { return steps }
    var longest = 0
    for row in 0..<batch {
      let length = Int(lengths[row])
      guard (0...steps).contains(length) else {
        throw .input(4, "expected lengths from 0 to \(steps), got \(length)")
      }
      longest = max(longest, length)
    }
    return longest
  }
}

/// The division of a layer's work into tiles for threads. Results do not depend on it: tiles of
/// units end where panels of packed weights do.
///
/// Tiles of units advance together, one phase of a step after the other. Blocks of rows, which
/// training of large batches uses, do not depend on each other.
struct RecurrentTiling: Sendable {
  /// Some hidden units of some rows of the batch, in one direction.
  struct Tile {
    let index: Int
    let direction: Int
    let units: Range<Int>
    let rows: Range<Int>
  }

  /// Tiles of units of one direction.
  let unitTiles: Int
  /// Blocks of rows of one direction.
  let blocks: Int
  /// Threads worth using for tiles of units.
  let members: Int
  /// Rows of the largest block.
  let rowsOfTile: Int
  private let directions: Int
  private let batch: Int
  private let padded: Int
  private let panel: Int

  /// Multiplications of a step that make another thread worth using.
  private static let threshold = 16384

  init(_ sizes: RecurrentSizes, _ layout: PackedLayout, threads: Int, isTraining: Bool) {
    padded = layout.padded
    panel = layout.panel
    directions = sizes.directions
    batch = sizes.batch
    blocks = isTraining ? Self.blocks(batch) : 1
    rowsOfTile = (batch + blocks - 1) / blocks
    let weights = (sizes.hidden + sizes.input) * padded * layout.gates
    let work = (weights * directions).multipliedReportingOverflow(by: batch)
    let useful = work.overflow ? Int.max : work.partialValue / Self.threshold
    let threads = max(1, min(threads, useful))
    unitTiles = blocks > 1 ? 1 : min(layout.panels, (threads + directions - 1) / directions)
    members = min(threads, unitTiles * directions)
  }

  /// Blocks of rows of one direction in training, a number that depends on the batch alone.
  static func blocks(_ batch: Int) -> Int {
    batch < 8 ? 1 : 2 * max(1, min(batch / 32, 128))
  }

  /// The rows of a block.
  static func rows(_ block: Int, of blocks: Int, _ batch: Int) -> Range<Int> {
    batch * block / blocks..<batch * (block + 1) / blocks
  }

  var count: Int { unitTiles * blocks * directions }

  subscript(index: Int) -> Tile {
    let (direction, part) = index.quotientAndRemainder(dividingBy: unitTiles * blocks)
    let (block, tile) = part.quotientAndRemainder(dividingBy: unitTiles)
    let panels = (padded + panel - 1) / panel
    let end = panels * (tile + 1) / unitTiles * panel
    return Tile(
      index: index, direction: direction,
      units: panels * tile / unitTiles * panel..<min(end, padded),
      rows: Self.rows(block, of: blocks, batch))
  }
}
