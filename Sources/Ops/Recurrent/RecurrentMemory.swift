import CKernels

/// Where the parts of a layer's scratch memory begin, in bytes.
struct RecurrentMemory: Sendable {
  /// Steps whose input part is computed ahead.
  let ahead: Int
  /// The number of steps of the longest sequence lies first.
  static let steps = 0
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
  private(set) var byteCount = 64

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
    var overflows = false
    func reserve(_ counts: Int..., bytes: Int) -> Int {
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
    team = reserve(StepTeam.byteCount(tiles: tiling.count), bytes: 1)
    table = reserve(tiling.count, tableCount, bytes: MemoryLayout<ck_row>.stride)
    rows = reserve(tiling.count, sizes.batch, bytes: MemoryLayout<Int32>.stride)
    if packs { parameters = reserve(sizes.directions, layout.count, bytes: value) }
    if convertsInput { input = reserve(sizes.steps, sizes.batch, sizes.input, bytes: value) }
    sums = reserve(ahead, directions, batch, padded, layout.gates, bytes: value)
    hidden = reserve(2, directions, batch, padded, bytes: value)
    if cell.hasCellState { self.cell = reserve(directions, batch, padded, bytes: value) }
    if cell.hasExtraRows { extra = reserve(directions, batch, padded, bytes: value) }
    if overflows { throw .memory(needed: Int.max, limit: Int.max) }
  }
}
