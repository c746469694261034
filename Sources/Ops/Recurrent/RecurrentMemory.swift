import CKernels
import ONNXOperators
import ONNXProducts

/// Offsets of the parts of a layer's scratch memory, in bytes.
struct RecurrentMemory: Sendable {
  /// Steps whose input part is one product.
  let ahead: Int
  /// Memory for the rows of a product, of each tile.
  let tableCount: Int
  let byteCount: Int
  private(set) var team = 0
  private(set) var table = 0
  private(set) var rows = 0
  private(set) var parameters = 0
  private(set) var input = 0
  /// Where the ones of one-hot rows of X are noted; `nil` where X is not looked at.
  private(set) var ones: Int?
  private(set) var reserve = 0
  private(set) var gates = 0
  private(set) var hidden = 0
  private(set) var cell = 0
  private(set) var extra = 0

  /// Rows of input that make an efficient product, whose sums stay in the second-level cache.
  private static let rowsAhead = 64
  /// The number of steps of the longest sequence comes first.
  private static let stepsSize = 64

  /// - Parameters:
  ///   - reserve: the layout of the reserve in training; its memory is part of the scratch memory
  ///     where the node has no output for it
  ///   - converts: whether the input has another element type than the gates
  ///   - packs: whether the parameters are packed by each run
  ///   - findsOnes: whether X is looked at for one-hot rows
  init<T: GateValue>(
    _ type: T.Type, _ shape: CellShape, _ sizes: RecurrentSizes, _ layout: ParameterLayout,
    _ tiling: RecurrentTiling, reserve: RecurrentReserve?, hasReserveOutput: Bool, converts: Bool,
    packs: Bool, findsOnes: Bool
  ) throws(OperatorError) {
    let (directions, batch, padded) = (sizes.directions, sizes.batch, layout.padded)
    let value = MemoryLayout<T>.stride
    ahead = max(1, min(sizes.steps, Self.rowsAhead / max(tiling.rowsOfTile, 1)))
    tableCount = ahead * tiling.rowsOfTile
    var parts = MemoryParts()
    _ = parts.reserve(Self.stepsSize, bytes: 1)
    team = parts.reserve(StepTeam.byteCount(tiles: tiling.count), bytes: 1)
    table = parts.reserve(tiling.count, tableCount, bytes: MemoryLayout<ck_row>.stride)
    rows = parts.reserve(tiling.count, tiling.rowsOfTile, bytes: MemoryLayout<Int32>.stride)
    if packs { parameters = parts.reserve(directions, layout.count, bytes: value) }
    if converts { input = parts.reserve(sizes.steps, batch, sizes.input, bytes: value) }
    if findsOnes {
      let rows = Int.work(sizes.steps, batch)
      ones = parts.reserve(OneHotRows.memory(rows: rows), bytes: MemoryLayout<Int32>.stride)
    }
    if let reserve {
      if !hasReserveOutput {
        self.reserve = parts.reserve(directions, reserve.count, bytes: value)
      }
    } else {
      gates = parts.reserve(ahead, directions, batch, padded, layout.gates, bytes: value)
      hidden = parts.reserve(2, directions, batch, padded, bytes: value)
      if shape.hasCellState { cell = parts.reserve(directions, batch, padded, bytes: value) }
      if shape.hasExtraRows { extra = parts.reserve(directions, batch, padded, bytes: value) }
    }
    try parts.check()
    byteCount = parts.byteCount
  }
}
