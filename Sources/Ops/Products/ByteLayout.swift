import CKernels
import ONNXOperators

/// The packed layout of the factors of a product of bytes: A in blocks of rows, B in panels of columns,
/// then the sums of the columns of B.
package struct ByteLayout: Sendable {
  package let rows: Int
  package let columns: Int
  package let depth: Int
  /// The numbers of matrices.
  package let a: Int
  package let b: Int
  package let steps: Int
  /// The number of rows in a block.
  package let block: Int
  package let rowBytes = ck_int8_row_bytes()
  private let width = ck_int8_columns()

  package init(_ sizes: ProductSizes, a: Int, b: Int) {
    (rows, columns, depth) = (sizes.rows, sizes.columns, sizes.depth)
    (self.a, self.b) = (a, b)
    steps = ck_int8_steps(depth)
    block = ck_int8_block(rows)
  }

  package var blocks: Int { (rows + block - 1) / block }
  package var panels: Int { (columns + width - 1) / width }
  /// Bytes of packed A.
  package var blockBytes: Int { Int.work(Int.work(a, rows), Int.work(steps, rowBytes)) }
  /// Bytes of a packed matrix of B.
  package var matrixBytes: Int { Int.work(ck_int8_padded(columns), steps, 4) }
  /// Bytes of packed B.
  package var panelBytes: Int { Int.work(b, matrixBytes) }
  /// Bytes of packed B and the sums of its columns.
  package var columnBytes: Int { Int.total(panelBytes, Int.work(b, columns, 4)) }
  /// The first column of a panel.
  package func column(_ panel: Int) -> Int { panel * width }

  /// Packs a panel, numbered across all matrices of B, and computes the sums of its columns.
  package func packColumns(
    _ index: Int, _ source: UnsafeRawPointer, _ target: UnsafeMutableRawPointer, flip: UInt8
  ) {
    let (matrix, panel) = index.quotientAndRemainder(dividingBy: panels)
    let first = column(panel)
    let sums = (target + panelBytes).assumingMemoryBound(to: Int32.self) + matrix * columns + first
    let packed = target + matrix * matrixBytes + first * steps * 4
    ck_int8_pack_columns(
      source.assumingMemoryBound(to: UInt8.self) + matrix * depth * columns + first, columns, 0,
      depth, min(width, columns - first), flip, 1, packed.assumingMemoryBound(to: UInt8.self), sums)
  }
}

/// Places in scratch memory, in bytes, aligned to 64.
package struct ScratchPlan: Sendable {
  /// The number of bytes so far.
  package private(set) var byteCount = 0

  package init() {}

  /// The place of another `count` bytes.
  package mutating func place(_ count: Int) -> Int {
    defer { byteCount = Int.total(byteCount, count, 63) / 64 * 64 }
    return byteCount
  }
}

/// The scratch memory of a product of bytes, as offsets in bytes.
struct ByteMemory: Sendable {
  let layout: ByteLayout
  private let flags: Int
  /// Packed B with the sums of its columns, and packed A.
  let columns: Int
  let rows: Int
  private let rowVectors: [Int]
  private let columnVectors: [Int]
  let byteCount: Int

  init(_ layout: ByteLayout, packsColumns: Bool) {
    self.layout = layout
    var plan = ScratchPlan()
    flags = plan.place(1)
    columns = packsColumns ? plan.place(layout.columnBytes) : 0
    rows = plan.place(layout.blockBytes)
    rowVectors = (0..<3).map { _ in plan.place(Int.work(layout.a, layout.rows, 4)) }
    columnVectors = [layout.b, 1, 1].map { plan.place(Int.work($0, layout.columns, 4)) }
    byteCount = plan.byteCount
  }

  /// Whether B has zero points other than 0.
  func flags(_ buffers: Buffers) -> UnsafeMutablePointer<Bool> {
    (buffers.scratch + flags).assumingMemoryBound(to: Bool.self)
  }
  func rowTerms(_ buffers: Buffers) -> UnsafeMutablePointer<Int32> {
    (buffers.scratch + rowVectors[0]).assumingMemoryBound(to: Int32.self)
  }
  func rowFactors(_ buffers: Buffers) -> UnsafeMutablePointer<Int32> {
    (buffers.scratch + rowVectors[1]).assumingMemoryBound(to: Int32.self)
  }
  func rowScales(_ buffers: Buffers) -> UnsafeMutablePointer<Float> {
    (buffers.scratch + rowVectors[2]).assumingMemoryBound(to: Float.self)
  }
  func columnTerms(_ buffers: Buffers) -> UnsafeMutablePointer<Int32> {
    (buffers.scratch + columnVectors[0]).assumingMemoryBound(to: Int32.self)
  }
  func columnZeros(_ buffers: Buffers) -> UnsafeMutablePointer<Int32> {
    (buffers.scratch + columnVectors[1]).assumingMemoryBound(to: Int32.self)
  }
  func columnScales(_ buffers: Buffers) -> UnsafeMutablePointer<Float> {
    (buffers.scratch + columnVectors[2]).assumingMemoryBound(to: Float.self)
  }
}

/// The division of a product of bytes into tasks, the same for any number of threads.
struct ByteTasks: Sendable {
  /// Rows and columns of a matrix of the result.
  struct Part {
    let matrix: Int
    let row: Int
    let rows: Int
    let column: Int
    let columns: Int
  }
  private let layout: ByteLayout
  private let matrices: Int
  private let rowStep: Int
  private let rowCuts: Int
  private let panelStep: Int
  private let panelCuts: Int
  private let packing: Tiles

  /// Multiplications of a task, some microseconds' worth.
  private static let work = 1 << 19

  init(_ layout: ByteLayout, _ sizes: ProductSizes) {
    self.layout = layout
    matrices = sizes.matrices
    // A task has all rows, as long as they stay in the second-level cache, of some panels.
    let rows = min(layout.rows, max(1, 262_144 / layout.depth))
    rowStep = (rows + layout.block - 1) / layout.block * layout.block
    rowCuts = (layout.rows + rowStep - 1) / rowStep
    let panel = Int.work(layout.depth, ck_int8_columns(), min(rowStep, layout.rows))
    // Multiples of four, which the kernel takes together for one row.
    let least = (max(1, Self.work / max(panel, 1)) + 3) / 4 * 4
    panelStep = layout.rows == 1 ? least : max(1, min(least, Self.work / max(panel, 1)))
    panelCuts = (layout.panels + panelStep - 1) / panelStep
    packing = Tiles(layout.a * layout.blocks, cost: Int.work(layout.block, layout.depth) / 4)
  }

  var count: Int { matrices * rowCuts * panelCuts }

  subscript(_ task: Int) -> Part {
    let (rest, panelCut) = task.quotientAndRemainder(dividingBy: panelCuts)
    let (matrix, rowCut) = rest.quotientAndRemainder(dividingBy: rowCuts)
    let (row, column) = (rowCut * rowStep, layout.column(panelCut * panelStep))
    return Part(
      matrix: matrix, row: row, rows: min(rowStep, layout.rows - row), column: column,
      columns: min(layout.column(panelStep), layout.columns - column))
  }

  /// Tasks that pack blocks of rows.
  var blockTasks: Int { packing.count }
  func blocks(_ task: Int) -> Range<Int> { packing[task] }
}
