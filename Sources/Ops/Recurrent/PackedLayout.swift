import CKernels
import ONNXFormat
import ONNXOperators
import ONNXProducts

/// The layout of the weights of some gates for `GateValue.multiply`: panels of units, in each panel
/// all gates, in each gate the weights of the panel's units for every k together.
struct PackedLayout: Sendable {
  /// Gates whose products are computed together.
  let gates: Int
  /// Units of a gate.
  let hidden: Int
  /// Elements of a row that is multiplied.
  let depth: Int
  /// Units are rounded up to a multiple of this; the weights of the added ones are 0.
  let lanes: Int
  /// Units of a panel; the last one may be narrower.
  let panel: Int
  /// How the weights are packed. bfloat16 is for weights of inference whose values are `Float`.
  var format = PanelFormat.float32

  /// Units, rounded up.
  var padded: Int { (hidden + lanes - 1) / lanes * lanes }
  var panels: Int { (padded + panel - 1) / panel }
  /// Elements of the packed matrix.
  var count: Int { offset(padded) }
  /// The offset of the panel that begins at `unit`.
  func offset(_ unit: Int) -> Int { unit * gates * words }
  private var words: Int { format.words(depth) }
  /// The units of a panel.
  func units(_ index: Int) -> Range<Int> { index * panel..<min((index + 1) * panel, padded) }

  /// `y += x · matrix` for each row, with units of this layout.
  /// - Parameter packed: the panels from the first of the units on
  func multiply<T: GateValue>(
    _ packed: UnsafePointer<T>, units: Int, stride: Int, _ rows: UnsafeBufferPointer<ck_row>,
    backwards: Bool
  ) {
    switch format {
    case .float32:
      T.multiply(
        packed, depth: depth, units: units, gates: gates, stride: stride, rows,
        backwards: backwards)
    case .bfloat16:
      guard let table = rows.baseAddress else { return }
      ck_bfloat16_recurrent(
        UnsafeRawPointer(packed).assumingMemoryBound(to: UInt32.self), depth, units, gates, stride,
        table, rows.count, backwards ? 1 : 0)
    }
  }

  /// Packs the panels of `units` from a matrix `[gates · hidden, depth]`.
  func pack<E: RealElement>(
    _ source: UnsafePointer<E>, _ units: Range<Int>, _ target: UnsafeMutablePointer<E.Compute>
  ) {
    for first in stride(from: units.lowerBound, to: units.upperBound, by: panel) {
      let width = min(panel, padded - first)
      for gate in 0..<gates {
        let place = target + offset(first) + gate * width * words
        guard format == .bfloat16 else {
          packBlock(source, first, width, gate, place)
          continue
        }
        withUnsafeTemporaryAllocation(of: E.Compute.self, capacity: width * depth) { memory in
          guard let block = memory.baseAddress else { return }
          packBlock(source, first, width, gate, block)
          format.convert(
            panels: UnsafeMutableRawPointer(block).assumingMemoryBound(to: Float.self),
            depth: depth, columns: width)
          place.update(from: block, count: width * words)
        }
      }
    }
  }

  /// Packs the weights of one gate for a panel of `width` units from `first` on as they are.
  private func packBlock<E: RealElement>(
    _ source: UnsafePointer<E>, _ first: Int, _ width: Int, _ gate: Int,
    _ block: UnsafeMutablePointer<E.Compute>
  ) {
    // A few rows and columns at a time, so that both sides stay in the cache.
    for group in stride(from: 0, to: width, by: 8) {
      for k in stride(from: 0, to: depth, by: 16) {
        let end = min(k + 16, depth)
        for unit in group..<group + 8 {
          var place = block + k * width + unit
          guard first + unit < hidden else {
            for _ in k..<end {
              place.pointee = 0
              place += width
            }
            continue
          }
          let row = source + (gate * hidden + first + unit) * depth
          for k in k..<end {
            place.pointee = row[k].compute
            place += width
          }
        }
      }
    }
  }

  /// Packs a panel of this layout, which has one gate, from a matrix `[blocks · rows, hidden]` that
  /// is multiplied from the left, its blocks of rows filled up to `depth` rows in all.
  func packTransposed<T: GateValue>(
    _ source: UnsafePointer<T>, rows: Int, blocks: Int, panel index: Int,
    _ target: UnsafeMutablePointer<T>
  ) {
    let units = units(index)
    let real = max(0, min(units.upperBound, hidden) - units.lowerBound)
    var place = target + offset(units.lowerBound)
    for block in 0..<blocks {
      for row in 0..<depth / blocks {
        let count = row < rows ? real : 0
        if count > 0 {
          place.update(
            from: source + (block * rows + row) * hidden + units.lowerBound, count: count)
        }
        (place + count).clear(units.count - count)
        place += units.count
      }
    }
  }
}

/// The layout of the recurrent matrices of one direction, transposed for the backward pass.
struct TransposedLayout: Sendable {
  struct Matrix: Sendable {
    let layout: PackedLayout
    let offset: Int
    let gates: Int
    /// The first slot of the gradients that the matrix multiplies.
    let slot: Int
  }

  let matrices: [Matrix]
  /// Elements of all matrices.
  let count: Int
  private let hidden: Int

  init<T: GateValue>(_ type: T.Type, _ cell: CellShape, hidden: Int, padded: Int) {
    self.hidden = hidden
    var count = 0
    matrices = cell.matrices.enumerated().map { index, gates in
      let layout = PackedLayout(
        gates: 1, hidden: hidden, depth: gates * padded, lanes: T.lanes, panel: T.panel)
      defer { count += layout.count }
      return Matrix(layout: layout, offset: count, gates: gates, slot: cell.slot(index))
    }
    self.count = count
  }

  var panels: Int { matrices[0].layout.panels }

  /// Packs a panel of each matrix of R, `[gates · hidden, hidden]`.
  func pack<T: GateValue>(
    _ R: UnsafePointer<T>, panel: Int, _ target: UnsafeMutablePointer<T>
  ) {
    var source = R
    for matrix in matrices {
      matrix.layout.packTransposed(
        source, rows: hidden, blocks: matrix.gates, panel: panel, target + matrix.offset)
      source += matrix.gates * hidden * hidden
    }
  }
}
