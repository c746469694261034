import ONNXFormat
import ONNXOperators
import ONNXProducts

/// A layer of plain recurrent units: `Ht = f(Xt Wiᵀ + Ht−1 Riᵀ + Wbi + Rbi)`.
///
/// The inputs are X `[T, B, I]`, W `[D, H, I]`, R `[D, H, H]`, and optionally B `[D, 2H]`,
/// sequence_lens `[B]` and initial_h `[D, B, H]`. The outputs are Y `[T, D, B, H]` and
/// Y_h `[D, B, H]`. The batch comes first where `layout` is 1.
///
/// `RNNCell` computes a step and its gradient.
struct RNN: RecurrentOperator {
  static let schema = Schema(
    "RNN",
    [1: .floats, 7: .floats, 14: .floats, 22: [.floats, .bfloat16]],
    inputs: 3...6, outputs: 0...2)
  static let gateCount = 1
  static let outputCount = 2
  let attributes: RecurrentAttributes

  init(_ node: inout NodeReader) throws(OperatorError) {
    attributes = try RecurrentAttributes(&node, defaults: [.tanh])
  }

  func floatCell(hasPeepholes: Bool) -> AnyRecurrentCell<Float> { AnyRecurrentCell(RNNCell(self)) }
  func doubleCell(hasPeepholes: Bool) -> AnyRecurrentCell<Double> {
    AnyRecurrentCell(RNNCell(self))
  }
}

extension RNN {
  static var versionSteps: [VersionStep] {
    [
      .outputSequence, .recurrentLayout,
    ]
  }
}
