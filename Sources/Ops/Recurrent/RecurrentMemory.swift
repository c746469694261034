import CKernels
import ONNXOperators
import ONNXProducts

/// Where the parts of a layer's scratch memory begin, in bytes.
struct RecurrentMemory: Sendable {
  /// Steps whose input part is computed ahead.
  let ahead: Int
  /// The number of steps of the longest sequence lies first.
  static let steps = 0
  private static let stepsSize = 64
  private(set) var team = 0
  private(set) var table = 0
  private(set) var tableCount = 0
  private(set) var rows = 0
  private(set) var parameters = 0
  private(set) var input = 0
  private(set) var sums = 0
  private(set) var hidden = 0
  private(set) var cell = 0
  private(set) var extra = 0
  let byteCount: Int

  /// Rows of input that make an efficient product.
  private static let rowsAhead = 64

  init<C: RecurrentCell>(
    _ cell: C, _ sizes: RecurrentSizes, _ layout: ParameterLayout, _ tiling: RecurrentTiling,
    convertsInput: Bool, packs: Bool
  ) throws(OperatorError) {
    ahead = max(1, min(sizes.steps, Self.rowsAhead / max(sizes.batch, 1)))
    tableCount = ahead * sizes.batch
    let value = MemoryLayout<C.Value>.stride
    let (directions, batch, padded) = (sizes.directions, sizes.batch, layout.input.padded)
    var parts = MemoryParts()
    _ = parts.reserve(Self.stepsSize, bytes: 1)
    team = parts.reserve(StepTeam.byteCount(tiles: tiling.count), bytes: 1)
    table = parts.reserve(tiling.count, tableCount, bytes: MemoryLayout<ck_row>.stride)
    rows = parts.reserve(tiling.count, sizes.batch, bytes: MemoryLayout<Int32>.stride)
    if packs { parameters = parts.reserve(sizes.directions, layout.count, bytes: value) }
    if convertsInput { input = parts.reserve(sizes.steps, sizes.batch, sizes.input, bytes: value) }
    sums = parts.reserve(ahead, directions, batch, padded, layout.gates, bytes: value)
    hidden = parts.reserve(2, directions, batch, padded, bytes: value)
    if cell.hasCellState { self.cell = parts.reserve(directions, batch, padded, bytes: value) }
    if cell.hasExtraRows { extra = parts.reserve(directions, batch, padded, bytes: value) }
    try parts.check()
    byteCount = parts.byteCount
  }
}
