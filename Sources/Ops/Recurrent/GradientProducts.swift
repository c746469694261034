import CKernels
import ONNXFormat
import ONNXOperators
import ONNXProducts

/// Matrix products as one list of tasks. Their operands are at offsets from addresses that are known
/// when the tasks run.
struct ProductTasks<T: GateValue>: Sendable {
  private var products: [(gemm: GEMM<T>, a: Int, b: Int, c: Int)] = []
  private(set) var count = 0
  /// Whether the result is the sum of all products, tile by tile.
  private let isSum: Bool

  init(isSum: Bool = false) { self.isSum = isSum }

  mutating func append(_ gemm: GEMM<T>, a: Int, b: Int, c: Int) {
    var gemm = gemm
    if isSum, !products.isEmpty { gemm.beta = 1 }
    products.append((gemm, a, b, c))
    count = isSum ? gemm.tiles : count + gemm.tiles
  }

  func run(
    _ task: Int, _ a: UnsafePointer<T>, _ b: UnsafePointer<T>, _ c: UnsafeMutablePointer<T>
  ) {
    var task = task
    for product in products {
      if isSum || task < product.gemm.tiles {
        product.gemm.multiply(tile: task, a + product.a, b + product.b, c + product.c)
        if !isSum { return }
      } else {
        task -= product.gemm.tiles
      }
    }
  }
}

/// The products that give the gradients of X, W and R:
/// `dW = dGᵀ · X`, `dR = dGᵀ · Ht−1`, `dX = Σ dG · W` over directions.
struct GradientProducts<T: GateValue>: Sendable {
  private var weights = ProductTasks<T>()
  private var recurrent = ProductTasks<T>()
  private var input = ProductTasks<T>(isSum: true)

  /// - Parameter wanted: which of dX, dW and dR to compute
  init(
    _ cell: CellShape, _ sizes: RecurrentSizes, _ reserve: RecurrentReserve, wanted: [Bool]
  ) throws(OperatorError) {
    let (padded, gates, slots) = (reserve.padded, cell.gates, cell.slots)
    let count = sizes.steps * sizes.batch
    for direction in 0..<sizes.directions {
      let gradients = direction * count * slots * padded
      for (slot, units) in Self.runs(0..<gates, sizes.hidden, padded) {
        let matrix = (direction * gates + slot) * sizes.hidden * sizes.input
        if wanted[0] {
          input.append(
            try GEMM(rows: count, columns: sizes.input, depth: units, strideA: slots * padded),
            a: gradients + slot * padded, b: matrix, c: 0)
        }
        guard wanted[1] else { continue }
        for part in Self.parts(units) {
          weights.append(
            try GEMM(
              rows: part.count, columns: sizes.input, depth: count, transposeA: true,
              strideA: slots * padded, isTiled: false),
            a: gradients + slot * padded + part.lowerBound, b: 0,
            c: matrix + part.lowerBound * sizes.input)
        }
      }
      guard wanted[2] else { continue }
      let start = direction * reserve.count
      var gate = 0
      for (matrix, size) in cell.matrices.enumerated() {
        let isExtra = cell.multipliesExtraRows && matrix == cell.matrices.count - 1
        let states = start + (isExtra ? reserve.extraAt : reserve.previousStates(direction))
        let first = cell.slot(matrix)
        for (slot, units) in Self.runs(first..<first + size, sizes.hidden, padded) {
          for part in Self.parts(units) {
            let row = (direction * gates + gate + slot - first) * sizes.hidden + part.lowerBound
            recurrent.append(
              try GEMM(
                rows: part.count, columns: sizes.hidden, depth: count, transposeA: true,
                strideA: slots * padded, strideB: padded, isTiled: false),
              a: gradients + slot * padded + part.lowerBound, b: states, c: row * sizes.hidden)
          }
        }
        gate += size
      }
    }
  }

  /// Slots whose units follow each other without a gap: all of them where nothing is padded.
  private static func runs(
    _ slots: Range<Int>, _ hidden: Int, _ padded: Int
  ) -> [(slot: Int, units: Int)] {
    if padded == hidden { return [(slots.lowerBound, slots.count * hidden)] }
    return slots.map { ($0, hidden) }
  }

  /// Units in parts for threads to share: few, because each reads the states or X again.
  private static func parts(_ units: Int) -> [Range<Int>] {
    let size = max(256, ((units + 3) / 4 + 15) / 16 * 16)
    return stride(from: 0, to: units, by: size).map { $0..<min($0 + size, units) }
  }

  var count: Int { weights.count + recurrent.count + input.count }

  func run(
    _ task: Int, gradients: UnsafePointer<T>, x: UnsafePointer<T>, w: UnsafePointer<T>,
    reserve: UnsafePointer<T>, dX: UnsafeMutablePointer<T>?, dW: UnsafeMutablePointer<T>?,
    dR: UnsafeMutablePointer<T>?
  ) {
    var task = task
    if task < recurrent.count {
      if let dR { recurrent.run(task, gradients, reserve, dR) }
      return
    }
    task -= recurrent.count
    if task < weights.count {
      if let dW { weights.run(task, gradients, x, dW) }
      return
    }
    if let dX { input.run(task - weights.count, gradients, w, dX) }
  }
}

/// The product `dX = Σ dG · W` over directions with packed matrices, where rows of X are whole
/// vectors. Each task computes some rows, one for each step and row of the batch, whose sums stay in
/// the second-level cache.
struct PackedInputProduct<T: GateValue>: Sendable {
  private let sizes: RecurrentSizes
  private let gates: Int
  private let slots: Int
  private let padded: Int
  private let layout: PackedLayout
  private static var rowsOfTask: Int { 64 }

  /// `nil` where rows of X are not whole vectors.
  init?(_ cell: CellShape, _ sizes: RecurrentSizes, padded: Int) {
    guard sizes.input % T.lanes == 0 else { return nil }
    self.sizes = sizes
    (gates, slots) = (cell.gates, cell.slots)
    self.padded = padded
    layout = PackedLayout(
      gates: 1, hidden: sizes.input, depth: gates * padded, lanes: T.lanes, panel: T.panel)
  }

  /// Elements of the packed matrix of one direction.
  var count: Int { layout.count }
  var panels: Int { layout.panels }
  var tasks: Int { (sizes.steps * sizes.batch + Self.rowsOfTask - 1) / Self.rowsOfTask }

  /// Packs a panel of W of one direction, `[gates · hidden, input]`.
  func pack(_ W: UnsafePointer<T>, panel: Int, _ target: UnsafeMutablePointer<T>) {
    layout.packTransposed(W, rows: sizes.hidden, blocks: gates, panel: panel, target)
  }

  /// Computes some rows of dX.
  /// - Parameter gradients: `[directions, steps, batch, slots, padded]`
  func run(
    _ task: Int, gradients: UnsafePointer<T>, packed: UnsafePointer<T>,
    _ dX: UnsafeMutablePointer<T>
  ) {
    let count = sizes.steps * sizes.batch
    let first = task * Self.rowsOfTask
    let range = first..<min(first + Self.rowsOfTask, count)
    withUnsafeTemporaryAllocation(of: ck_row.self, capacity: Self.rowsOfTask) { rows in
      for direction in 0..<sizes.directions {
        for (index, row) in range.enumerated() {
          let (step, batch) = row.quotientAndRemainder(dividingBy: sizes.batch)
          let y = dX + sizes.inputRow(step, batch) * sizes.input
          if direction == 0 { y.clear(sizes.input) }
          let place = (direction * count + row) * slots * padded
          rows.initializeElement(at: index, to: ck_row(x: gradients + place, y: y))
        }
        T.multiply(
          packed + direction * layout.count, depth: layout.depth, units: sizes.input, gates: 1,
          stride: sizes.input,
          UnsafeBufferPointer(start: rows.baseAddress, count: range.count), backwards: false)
      }
    }
  }
}
