import ONNXFormat
import ONNXOperators
import ONNXProducts

/// The recurrence of RNN, LSTM or GRU: one step forward, and the derivative of that step.
///
/// A cell computes in one of two ways, chosen when it is made: the loops in C for float32 and the
/// standard's activations (`ck_recurrent_cells.h`), or the general loops in Swift for everything
/// else. Inference and training use the same two.
protocol RecurrentCell<Value>: Sendable {
  associatedtype Value: GateValue

  var shape: CellShape { get }

  /// Computes one phase of a step.
  func forward(_ step: RecurrentStep<Value>, phase: Int)

  /// Computes the gradients of a step's sums from the gradients of its states, which become those
  /// of the states before the step.
  func backward(_ step: BackwardStep<Value>)
}

/// The matrices and states of a cell.
struct CellShape: Sendable {
  /// The number of gates of each recurrent matrix that is multiplied by itself.
  let matrices: [Int]
  /// Whether the recurrent bias of the last gate stays apart from the bias of the input.
  var hasSeparateBias = false
  /// Whether there is a state beside the hidden one.
  var hasCellState = false
  /// Whether the cell uses `StepMemory.extra`.
  var hasExtraRows = false
  /// Whether the last matrix multiplies the extra rows instead of the hidden state. All units must
  /// then finish the first phase of a step before any begins the second.
  var multipliesExtraRows = false
  /// Whether the backward pass reads the arguments of the activations.
  var keepsArguments = false

  var gates: Int { matrices.reduce(0, +) }
  var phases: Int { multipliesExtraRows ? 2 : 1 }
  /// Gradients of a unit and step: one for each gate, and one for a recurrent part that stays apart.
  var slots: Int { gates + (hasSeparateBias ? 1 : 0) }

  /// The first slot with gradients of what a recurrent matrix contributes.
  func slot(_ matrix: Int) -> Int {
    if hasSeparateBias, matrix == matrices.count - 1 { return gates }
    return matrices[..<matrix].reduce(0, +)
  }
}

/// A cell as drivers see it. Drivers are compiled once for each type of value instead of once for
/// each cell; the loops over units are specialised where the cell's type is known.
struct AnyRecurrentCell<Value: GateValue>: Sendable {
  let shape: CellShape
  let forward: @Sendable (_ step: RecurrentStep<Value>, _ phase: Int) -> Void
  let backward: @Sendable (_ step: BackwardStep<Value>) -> Void

  @inline(__always)
  init(_ cell: some RecurrentCell<Value>) {
    shape = cell.shape
    forward = { cell.forward($0, phase: $1) }
    backward = { cell.backward($0) }
  }
}
