import CKernels
import ONNXOperators
import ONNXProducts

/// `Float` or `Double`: what recurrent layers are trained in.
protocol TrainingValue: GateValue, BLASElement {}
extension Float: TrainingValue {}
extension Double: TrainingValue {}

/// The recurrence of RNN, LSTM or GRU, and its gradient.
protocol TrainingCell<Value>: Sendable {
  associatedtype Value: TrainingValue

  /// Gates of each recurrent matrix that is multiplied by itself.
  var matrices: [Int] { get }
  /// For each matrix where the gradients begin of what it made: a slot of `TrainingStep.gradients`.
  var slots: [Int] { get }
  /// Slots of gradients: one for each gate, and one for a recurrent part that stands apart.
  var slotCount: Int { get }
  /// Whether there is a state beside the hidden one.
  var hasCellState: Bool { get }
  /// Whether it uses `TrainingStep.extra`.
  var hasExtraRows: Bool { get }
  /// Whether the last matrix multiplies the extra rows, not the hidden state.
  var multipliesExtraRows: Bool { get }
  /// Whether it uses `TrainingStep.sums`.
  var keepsSums: Bool { get }

  /// Computes a step; `step.gates` holds the input's part of the sums, without biases.
  func forward(_ step: TrainingStep<Value>)
  /// Computes the gradients of a step's sums from `step.hidden` and `step.cell`, the gradients of
  /// its states, which become those of the states before.
  func backward(_ step: TrainingStep<Value>)
}

extension TrainingCell {
  var gates: Int { matrices.reduce(0, +) }
  var hasCellState: Bool { false }
  var hasExtraRows: Bool { false }
  var multipliesExtraRows: Bool { false }
}

/// What a cell works on while it is trained: one step of one direction, for the rows of the batch
/// whose sequences have that step. States are `[batch, padded]`.
struct TrainingStep<T: TrainingValue> {
  typealias Values = UnsafeMutablePointer<T>

  let direction: Int
  /// Rows of the batch that take part.
  let rows: UnsafeBufferPointer<Int32>
  /// The hidden size, filled up.
  let padded: Int

  /// The gates `[batch, gates, padded]`, and the arguments of their activations where kept.
  let gateCount: Int
  let gates: Values
  let sums: Values
  /// States before and after the step, and rows of the cell's own.
  let previous: Values
  let next: Values
  let previousCell: Values
  let nextCell: Values
  let extra: Values

  /// Biases `[gates + 1, padded]`: input and recurrence added up but for the last gate's where the
  /// recurrent part stands apart; its own comes last.
  let bias: Values
  /// LSTM's Pi, Po, Pf, `[3, padded]`.
  let peepholes: Values
  /// Packed recurrent matrices: forward as they are, backward transposed.
  let weights: UnsafePointer<T>
  let packing: RecurrentPacking
  /// Whether they are taken from their ends: every other step, which finds in the cache what the
  /// step before took last.
  let takesEndsFirst: Bool

  /// Gradients of the sums `[batch, slots, padded]`.
  let slotCount: Int
  let gradients: Values
  let hidden: Values
  let cell: Values
  let spare: Values
  /// What rows add up to, `[slots, padded]` and `[3, padded]`.
  let biasGradients: Values
  let peepholeGradients: Values
  /// Memory for the rows of a product.
  let table: UnsafeMutablePointer<ck_row>

  func part(_ state: Values, _ row: Int32) -> Values { state + Int(row) * padded }
  func gates(_ row: Int32) -> Values { gates + Int(row) * gateCount * padded }
  func sums(_ row: Int32) -> Values { sums + Int(row) * gateCount * padded }
  func gradients(_ row: Int32) -> Values { gradients + Int(row) * slotCount * padded }

  /// `target += state · matrixᵀ`, where `target` is what follows an address in each row.
  func multiply(_ state: Values, by matrix: Int, addingTo target: (Int32) -> Values) {
    for (index, row) in rows.enumerated() {
      table[index] = ck_row(x: part(state, row), y: target(row))
    }
    multiply(packing.forward[matrix], packing.forwardOffsets[matrix])
  }

  /// `state += gradients · matrix`, the gradients those of the matrix's slots.
  func multiplyGradients(by matrix: Int, addingTo state: Values) {
    let first = packing.slots[matrix] * padded
    for (index, row) in rows.enumerated() {
      table[index] = ck_row(x: gradients(row) + first, y: part(state, row))
    }
    multiply(packing.backward[matrix], packing.backwardOffsets[matrix])
  }

  private func multiply(_ layout: PackedLayout, _ offset: Int) {
    T.multiply(
      weights + offset, depth: layout.depth, units: padded, gates: layout.gates, stride: padded,
      UnsafeBufferPointer(start: table, count: rows.count), backwards: takesEndsFirst)
  }
}

/// How the recurrent matrices of one direction are packed for the steps forward and backward.
struct RecurrentPacking: Sendable {
  let forward: [PackedLayout]
  let backward: [PackedLayout]
  let forwardOffsets: [Int]
  let backwardOffsets: [Int]
  let slots: [Int]
  /// Elements of all matrices; the same both ways but for what is filled up.
  let forwardCount: Int
  let backwardCount: Int
  /// Panels of a matrix.
  let panels: Int
  private let hidden: Int

  init<C: TrainingCell>(_ cell: C, hidden: Int) {
    let (lanes, panel) = (C.Value.lanes, C.Value.panel)
    let padded = (hidden + lanes - 1) / lanes * lanes
    self.hidden = hidden
    slots = cell.slots
    forward = cell.matrices.map {
      PackedLayout(gates: $0, hidden: hidden, depth: hidden, lanes: lanes, panel: panel)
    }
    backward = cell.matrices.map {
      PackedLayout(gates: 1, hidden: hidden, depth: $0 * padded, lanes: lanes, panel: panel)
    }
    func offsets(_ layouts: [PackedLayout]) -> (offsets: [Int], count: Int) {
      var count = 0
      let offsets = layouts.map { layout in
        defer { count += layout.offset(padded) }
        return count
      }
      return (offsets, count)
    }
    (forwardOffsets, forwardCount) = offsets(forward)
    (backwardOffsets, backwardCount) = offsets(backward)
    panels = (padded + panel - 1) / panel
  }

  /// The units of a panel.
  private func units(_ panel: Int, _ layout: PackedLayout) -> Range<Int> {
    panel * layout.panel..<min((panel + 1) * layout.panel, layout.padded)
  }

  /// Packs a panel of each matrix of `R`, `[gates · hidden, hidden]`, for the steps forward.
  func packForward<T: TrainingValue>(
    _ R: UnsafePointer<T>, panel: Int, _ target: UnsafeMutablePointer<T>
  ) {
    var source = R
    for (layout, offset) in zip(forward, forwardOffsets) {
      layout.pack(source, units(panel, layout), target + offset)
      source += layout.gates * hidden * hidden
    }
  }

  /// Packs a panel of each matrix of `R`, transposed, for the steps backward.
  func packBackward<T: TrainingValue>(
    _ R: UnsafePointer<T>, panel: Int, _ target: UnsafeMutablePointer<T>
  ) {
    var source = R
    for (layout, offset) in zip(backward, backwardOffsets) {
      let units = units(panel, layout)
      let real = max(0, min(units.upperBound, hidden) - units.lowerBound)
      var place = target + offset + layout.offset(units.lowerBound)
      for _ in 0..<layout.depth / layout.padded {
        for row in 0..<layout.padded {
          let count = row < hidden ? real : 0
          if count > 0 {
            place.update(from: source + row * hidden + units.lowerBound, count: count)
          }
          (place + count).update(repeating: 0, count: units.count - count)
          place += units.count
        }
        source += hidden * hidden
      }
    }
  }
}

extension RecurrentActivation {
  /// `g[i] *= f′(x[i])`, where `y[i] = f(x[i])` and the argument was bounded by `clip` before.
  func scale<T: GateValue>(
    _ g: UnsafeMutablePointer<T>, _ x: UnsafePointer<T>, _ y: UnsafePointer<T>, clip: Float?,
    _ count: Int
  ) {
    let alpha = T(self.alpha)
    let beta = T(self.beta)
    switch function {
    case .relu: for i in 0..<count { g[i] *= x[i] > 0 ? 1 : 0 }
    case .tanh: for i in 0..<count { g[i] *= 1 - y[i] * y[i] }
    case .sigmoid: for i in 0..<count { g[i] *= y[i] * (1 - y[i]) }
    case .affine: for i in 0..<count { g[i] *= alpha }
    case .leakyrelu: for i in 0..<count { g[i] *= x[i] < 0 ? alpha : 1 }
    case .thresholdedrelu: for i in 0..<count { g[i] *= x[i] < alpha ? 0 : 1 }
    case .scaledtanh:
      for i in 0..<count {
        let t = T.tanh(beta * x[i])
        g[i] *= alpha * beta * (1 - t * t)
      }
    case .hardsigmoid: for i in 0..<count { g[i] *= y[i] > 0 && y[i] < 1 ? alpha : 0 }
    case .elu: for i in 0..<count { g[i] *= x[i] < 0 ? alpha * T.exp(x[i]) : 1 }
    case .softsign:
      for i in 0..<count {
        let d = 1 + abs(x[i])
        g[i] /= d * d
      }
    case .softplus: for i in 0..<count { g[i] /= 1 + T.exp(-x[i]) }
    }
    guard let clip else { return }
    let bound = T(clip)
    for i in 0..<count where abs(x[i]) > bound { g[i] = 0 }
  }
}

extension UnsafeMutablePointer where Pointee: TrainingValue {
  /// `self += other`
  func add(_ other: UnsafePointer<Pointee>, _ count: Int) {
    for i in 0..<count { self[i] += other[i] }
  }
  /// `self = 0`
  func clear(_ count: Int) { update(repeating: 0, count: count) }
  /// The same address, where elements are known to be float32.
  var floats: UnsafeMutablePointer<Float> {
    UnsafeMutableRawPointer(self).assumingMemoryBound(to: Float.self)
  }
}
