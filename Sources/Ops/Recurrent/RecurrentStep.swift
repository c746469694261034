import CKernels
import ONNXOperators
import ONNXProducts

/// The gates and states of one step of one direction, in the scratch memory or in the reserve.
struct StepMemory<T: GateValue> {
  typealias Values = UnsafeMutablePointer<T>

  /// Elements from one row of a state to the next: the hidden size, rounded up to whole vectors.
  let padded: Int
  let gateCount: Int
  /// The first hidden unit of each row below.
  let firstUnit: Int
  /// `[batch, gates, padded]`. The input's part of the sums at first, to which the cell adds the
  /// recurrent part. In training, the values of the gates afterwards.
  let gates: Values
  /// The arguments of the activations, laid out as `gates`; `nil` where nothing needs them.
  let arguments: Values?
  /// `Ht−1` and `Ht`, `[batch, padded]`.
  let previous: Values
  let next: Values
  /// LSTM's `Ct−1` and `Ct`, which may be the same memory.
  let previousCell: Values
  let nextCell: Values
  /// `[batch, padded]`, for GRU's product with its reset gate.
  let extra: Values

  /// The units of one row of a state.
  func row(_ state: Values, _ row: Int32) -> Values { state + Int(row) * padded + firstUnit }
  func previous(_ row: Int32) -> Values { self.row(previous, row) }
  func next(_ row: Int32) -> Values { self.row(next, row) }
  func previousCell(_ row: Int32) -> Values { self.row(previousCell, row) }
  func nextCell(_ row: Int32) -> Values { self.row(nextCell, row) }
  func extra(_ row: Int32) -> Values { self.row(extra, row) }
  func gate(_ gate: Int, _ row: Int32) -> Values { gates + place(gate, row) }
  /// The arguments of a gate's activation, for the backward pass of a cell that keeps them.
  func argument(_ gate: Int, _ row: Int32) -> Values { (arguments ?? gates) + place(gate, row) }

  private func place(_ gate: Int, _ row: Int32) -> Int {
    (Int(row) * gateCount + gate) * padded + firstUnit
  }
}

/// One step of one direction, for some of the hidden units and for the rows of the batch whose
/// sequences reach that step.
struct RecurrentStep<T: GateValue> {
  typealias Values = UnsafeMutablePointer<T>

  let direction: Int
  /// The hidden units to compute.
  let units: Range<Int>
  /// Rows of the batch that take part.
  let rows: UnsafeBufferPointer<Int32>
  let at: StepMemory<T>
  /// Parameters of the direction.
  let parameters: RecurrentParameters<T>
  /// Whether this is a step of training: the cell adds the biases, which the sums do not include,
  /// and leaves the values of the gates in `at.gates`.
  let keepsGates: Bool
  /// Whether this step takes panels of weights from last to first.
  let backwards: Bool
  /// Memory for the rows of a product.
  let table: UnsafeMutablePointer<ck_row>

  /// The biases of the first gate's units, those of the other gates `at.padded` elements apart;
  /// `nil` where the sums include them.
  var bias: UnsafePointer<T>? {
    keepsGates ? parameters.bias + units.lowerBound : nil
  }

  /// Adds the bias to the sums of a gate that do not include it.
  @inline(__always)
  func addBias(_ gate: Int, _ row: Int32) {
    if let bias { at.gate(gate, row).add(bias + gate * at.padded, units.count) }
  }

  /// Replaces the sums of a gate by its values, `f` of the sums clipped to `±clip`, and keeps the
  /// sums where the backward pass needs them.
  @inline(__always)
  func activate(_ gate: Int, _ row: Int32, _ f: RecurrentActivation, clip: Float?) {
    let values = at.gate(gate, row)
    if at.arguments != nil { at.argument(gate, row).update(from: values, count: units.count) }
    values.activate(f, clip: clip, units.count)
  }

  /// Adds the products of `Ht−1` with a recurrent matrix to the sums of its gates, which begin with
  /// `gate`.
  func multiplyPrevious(by matrix: Int, to gate: Int) {
    multiply(at.previous, matrix) { at.gate(gate, $0) }
  }

  /// Adds the products of `Ht−1` with a recurrent matrix of one gate to the extra rows.
  func multiplyPreviousToExtra(by matrix: Int) {
    multiply(at.previous, matrix) { at.extra($0) }
  }

  /// Adds the products of the extra rows with a recurrent matrix to the sums of its gates, which
  /// begin with `gate`.
  func multiplyExtra(by matrix: Int, to gate: Int) {
    multiply(at.extra, matrix) { at.gate(gate, $0) }
  }

  private func multiply(_ state: Values, _ matrix: Int, _ target: (Int32) -> Values) {
    for (index, row) in rows.enumerated() {
      table[index] = ck_row(x: state + Int(row) * at.padded, y: target(row))
    }
    let (layout, offset) = parameters.layout.recurrent[matrix]
    layout.multiply(
      parameters.values + offset + layout.offset(units.lowerBound), units: units.count,
      stride: at.padded, UnsafeBufferPointer(start: table, count: rows.count),
      backwards: backwards)
  }
}

/// One step of the backward pass of one direction, for all hidden units and for the rows of the
/// batch whose sequences reach that step.
struct BackwardStep<T: GateValue> {
  typealias Values = UnsafeMutablePointer<T>

  let direction: Int
  /// Rows of the batch that take part.
  let rows: UnsafeBufferPointer<Int32>
  /// The gates and states of the forward pass.
  let at: StepMemory<T>
  /// LSTM's Pi, Po, Pf, `[3, padded]`.
  let peepholes: Values
  /// The recurrent matrices, packed transposed.
  let weights: UnsafePointer<T>
  let layout: TransposedLayout
  /// Whether this step takes panels of weights from last to first.
  let backwards: Bool

  /// Gradients of the sums, `[batch, slots, padded]`.
  let slots: Int
  let gradients: Values
  /// Gradients of the states, `[batch, padded]`, and rows to work in.
  let hidden: Values
  let cell: Values
  let spare: Values
  /// Sums over rows, `[slots, padded]` and `[3, padded]`.
  let biasGradients: Values
  let peepholeGradients: Values
  /// Memory for the rows of a product.
  let table: UnsafeMutablePointer<ck_row>

  /// Units, padding included.
  var units: Int { at.padded }

  func hidden(_ row: Int32) -> Values { at.row(hidden, row) }
  func cell(_ row: Int32) -> Values { at.row(cell, row) }
  func spare(_ row: Int32) -> Values { at.row(spare, row) }
  func gradients(_ row: Int32) -> Values { gradients + Int(row) * slots * at.padded }

  /// `state += gradients · matrix`, with the gradients of the matrix's slots.
  func multiplyGradients(by matrix: Int, addingTo state: Values) {
    let matrix = layout.matrices[matrix]
    let first = matrix.slot * at.padded
    for (index, row) in rows.enumerated() {
      table[index] = ck_row(x: gradients(row) + first, y: at.row(state, row))
    }
    T.multiply(
      weights + matrix.offset, depth: matrix.layout.depth, units: at.padded, gates: 1,
      stride: at.padded, UnsafeBufferPointer(start: table, count: rows.count),
      backwards: backwards)
  }
}
