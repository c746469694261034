import CKernels
import ONNXOperators
import ONNXProducts

/// The products of a layer that is trained with its input's matrix: `X · Wᵀ` for the gates of all
/// steps, and `dX = Σ dG · W` over directions. Rows are a step's row of the batch each; tasks take
/// some at a time, whose sums stay in the second-level cache.
struct InputProducts<C: TrainingCell>: Sendable {
  typealias T = C.Value
  typealias Values = UnsafeMutablePointer<T>

  private let layer: TrainingLayer<C>
  private let forward: PackedLayout
  private let backward: PackedLayout
  private let tasksOfDirection: Int
  private static var rows: Int { 64 }

  init(_ layer: TrainingLayer<C>) {
    self.layer = layer
    let (sizes, lanes, panel) = (layer.sizes, T.lanes, T.panel)
    forward = PackedLayout(
      gates: layer.gates, hidden: sizes.hidden, depth: sizes.input, lanes: lanes, panel: panel)
    backward = PackedLayout(
      gates: 1, hidden: sizes.input, depth: layer.gates * layer.padded, lanes: lanes, panel: panel)
    tasksOfDirection = (sizes.steps * sizes.batch + Self.rows - 1) / Self.rows
  }

  /// Elements of a packed matrix of one direction.
  var forwardCount: Int { forward.offset(forward.padded) }
  var backwardCount: Int { backward.offset(backward.padded) }
  /// Panels of the matrix as `packBackward` makes them.
  var backwardPanels: Int { (backward.padded + backward.panel - 1) / backward.panel }
  /// Whether rows of X are whole vectors, as `addUp` needs them.
  var canAddUp: Bool { layer.sizes.input % T.lanes == 0 }
  var projections: Int { layer.sizes.directions * tasksOfDirection }
  var sums: Int { tasksOfDirection }

  /// Packs a panel of W of one direction, `[gates · hidden, input]`.
  func packForward(_ W: UnsafePointer<T>, panel: Int, _ target: Values) {
    let units =
      panel * forward.panel..<min((panel + 1) * forward.panel, forward.padded)
    forward.pack(W, units, target)
  }

  /// Packs a panel of it transposed: for each unit of each gate the weights of some inputs.
  func packBackward(_ W: UnsafePointer<T>, panel: Int, _ target: Values) {
    let (hidden, input, padded) = (layer.sizes.hidden, layer.sizes.input, layer.padded)
    let first = panel * backward.panel
    let count = min(backward.panel, input - first)
    var place = target + backward.offset(first)
    for gate in 0..<layer.gates {
      for row in 0..<padded {
        if row < hidden {
          place.update(from: W + (gate * hidden + row) * input + first, count: count)
        } else {
          place.clear(count)
        }
        place += count
      }
    }
  }

  /// The rows of a task.
  private func rows(_ task: Int) -> Range<Int> {
    task * Self.rows..<min((task + 1) * Self.rows, layer.sizes.steps * layer.sizes.batch)
  }

  /// Where a row of X, counted step by step, lies.
  private func input(_ row: Int) -> Int {
    let (step, batch) = row.quotientAndRemainder(dividingBy: layer.sizes.batch)
    return layer.sizes.inputRow(step, batch) * layer.sizes.input
  }

  /// Sets the gates of some rows to `X · Wᵀ`.
  /// - Parameter gates: the gates of a direction, `[steps, batch, gates, padded]`
  func project(
    _ task: Int, _ X: UnsafePointer<T>, packed: UnsafePointer<T>, gates: (Int) -> Values
  ) {
    let (direction, piece) = task.quotientAndRemainder(dividingBy: tasksOfDirection)
    let range = rows(piece)
    let size = layer.gates * layer.padded
    let target = gates(direction) + range.lowerBound * size
    target.clear(range.count * size)
    withUnsafeTemporaryAllocation(of: ck_row.self, capacity: Self.rows) { rows in
      for (index, row) in range.enumerated() {
        rows.initializeElement(
          at: index, to: ck_row(x: X + input(row), y: target + index * size))
      }
      T.multiply(
        packed + direction * forwardCount, depth: layer.sizes.input, units: layer.padded,
        gates: layer.gates, stride: layer.padded, UnsafeBufferPointer(rows: rows, range.count),
        backwards: false)
    }
  }

  /// Sets some rows of dX to the sums over directions of `dG · W`.
  /// - Parameter gradients: `[directions, steps, batch, slots, padded]`
  func addUp(
    _ task: Int, gradients: UnsafePointer<T>, packed: UnsafePointer<T>, _ dX: Values
  ) {
    let range = rows(task)
    let sizes = layer.sizes
    let size = layer.slots * layer.padded
    withUnsafeTemporaryAllocation(of: ck_row.self, capacity: Self.rows) { rows in
      for direction in 0..<sizes.directions {
        for (index, row) in range.enumerated() {
          let y = dX + input(row)
          if direction == 0 { y.clear(sizes.input) }
          let place = direction * sizes.steps * sizes.batch + row
          rows.initializeElement(at: index, to: ck_row(x: gradients + place * size, y: y))
        }
        T.multiply(
          packed + direction * backwardCount, depth: backward.depth, units: sizes.input, gates: 1,
          stride: sizes.input, UnsafeBufferPointer(rows: rows, range.count), backwards: false)
      }
    }
  }
}

extension UnsafeBufferPointer<ck_row> {
  fileprivate init(rows: UnsafeMutableBufferPointer<ck_row>, _ count: Int) {
    self.init(start: rows.baseAddress, count: count)
  }
}
