import CKernels
import ONNXOperators
import ONNXProducts

/// What a recurrent cell works on: one step of one direction, for some of the hidden units, and for
/// the rows of the batch whose sequences reach that step.
struct Gates<T: GateValue> {
  typealias Values = UnsafeMutablePointer<T>

  let direction: Int
  /// The hidden units to compute.
  let units: Range<Int>
  /// Rows of the batch that take part.
  let rows: UnsafeBufferPointer<Int32>
  /// Elements from one row of a state to the next: the hidden size, filled up.
  let padded: Int
  /// Sums of all gates, `[batch, gates, padded]`: the input's part and the biases at first. Cells
  /// add the recurrent part, and leave the gates' values there.
  let sums: Values
  let gateCount: Int
  /// `Ht−1`, `Ht` and for LSTM `Ct−1`, which becomes `Ct`: `[batch, padded]`.
  let previous: Values
  let next: Values
  let cell: Values
  /// Further rows `[batch, padded]` of the cell's own.
  let extra: Values
  /// Parameters of the direction.
  let parameters: RecurrentParameters<T>
  /// Whether this step takes panels of weights from last to first.
  let backwards: Bool
  /// Memory for the rows of a product.
  let table: UnsafeMutablePointer<ck_row>

  /// The units' part of a row of a state.
  func part(_ state: Values, _ row: Int32) -> Values {
    state + Int(row) * padded + units.lowerBound
  }

  /// The units' part of a gate's sums.
  func sums(_ gate: Int, _ row: Int32) -> Values {
    sums + (Int(row) * gateCount + gate) * padded + units.lowerBound
  }

  /// Adds the products of the rows of `state` with a recurrent matrix to the sums of its gates,
  /// which begin with `gate`.
  func multiply(_ state: Values, by matrix: Int, to gate: Int) {
    multiply(state, matrix) { sums(gate, $0) }
  }

  /// Adds the products of the rows of `state` with a recurrent matrix of one gate to `extra`.
  func multiplyToExtra(_ state: Values, by matrix: Int) {
    multiply(state, matrix) { part(extra, $0) }
  }

  private func multiply(_ state: Values, _ matrix: Int, _ target: (Int32) -> Values) {
    for (index, row) in rows.enumerated() {
      table[index] = ck_row(x: state + Int(row) * padded, y: target(row))
    }
    let layout = parameters.layout.recurrent[matrix]
    T.multiply(
      parameters.recurrent(matrix) + layout.offset(units.lowerBound), depth: layout.depth,
      units: units.count, gates: layout.gates, stride: padded,
      UnsafeBufferPointer(start: table, count: rows.count), backwards: backwards)
  }
}

/// The recurrence of RNN, LSTM or GRU.
protocol RecurrentCell<Value>: Sendable {
  associatedtype Value: GateValue

  /// Gates of each recurrent matrix that is multiplied by itself; their sum is the cell's gates.
  var matrices: [Int] { get }
  /// Phases of a step: all units finish one before any begins the next.
  var phases: Int { get }
  /// The gate whose recurrent bias stays apart from that of the input, if any.
  var separateBias: Int? { get }
  /// Whether there is a state beside the hidden one.
  var hasCellState: Bool { get }
  /// Whether it uses `Gates.extra`.
  var hasExtraRows: Bool { get }

  /// Computes one phase of a step.
  func advance(_ gates: Gates<Value>, phase: Int)
}

extension RecurrentCell {
  var phases: Int { 1 }
  var separateBias: Int? { nil }
  var hasCellState: Bool { false }
  var hasExtraRows: Bool { false }
}

extension UnsafeMutablePointer where Pointee: GateValue {
  /// `x = f(x)`, the argument bounded by `clip` first.
  func activate(_ function: RecurrentActivation, clip: Float?, _ count: Int) {
    if let clip {
      let bound = Pointee(clip)
      for i in 0..<count {
        self[i] = self[i] > bound ? bound : self[i] < -bound ? -bound : self[i]
      }
    }
    function.apply(self, self, count)
  }
}
