import ONNXFormat
import ONNXOperators
import ONNXProducts

/// A layer of plain recurrent units: `Ht = f(Xt Wiᵀ + Ht−1 Riᵀ + Wbi + Rbi)`.
///
/// Inputs X `[T, B, I]`, W `[D, H, I]`, R `[D, H, H]`, and optionally B `[D, 2H]`,
/// sequence_lens `[B]`, initial_h `[D, B, H]`; outputs Y `[T, D, B, H]`, Y_h `[D, B, H]`, with the
/// batch first where `layout` is 1.
struct RNN: Operator {
  static let schema = Schema(
    "RNN",
    [1: .floats, 7: .floats, 14: .floats, 22: [.floats, .bfloat16]],
    inputs: 3...6, outputs: 0...2)
  static var parameters: [ParameterInput] {
    [.init(1, .inputWeights), .init(2, .stateWeights), .init(3, .gateBiases)]
  }
  let attributes: RecurrentAttributes

  init(_ node: inout NodeReader) throws(OperatorError) {
    attributes = try RecurrentAttributes(&node, defaults: [.tanh])
  }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let shape = try RecurrentShape(inputs, attributes, gates: 1)
    let type = try inputs.tensor(0).elementType
    return [.tensor(type, shape.sequence), .tensor(type, shape.state)]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    try recurrentKernel(
      call, attributes, float: RNNCell(attributes: attributes),
      double: RNNCell(attributes: attributes))
  }
}

struct RNNCell<Value: GateValue>: RecurrentCell {
  let attributes: RecurrentAttributes
  var matrices: [Int] { [1] }

  func advance(_ gates: Gates<Value>, phase: Int) {
    let f = attributes.activations[gates.direction][0]
    let count = gates.units.count
    gates.multiply(gates.previous, by: 0, to: 0)
    for row in gates.rows {
      let Ht = gates.sums(0, row)
      Ht.activate(f, clip: attributes.clip, count)
      gates.part(gates.next, row).update(from: Ht, count: count)
    }
  }
}

extension RNN {
  static var versionSteps: [VersionStep] {
    [
      .outputSequence, .recurrentLayout,
    ]
  }
}
