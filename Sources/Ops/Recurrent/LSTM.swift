import ONNXFormat
import ONNXOperators
import ONNXProducts

/// A layer of long short-term memory:
/// ```
/// it = f(Xt Wiᵀ + Ht−1 Riᵀ + Pi ∘ Ct−1 + Wbi + Rbi)
/// ft = f(Xt Wfᵀ + Ht−1 Rfᵀ + Pf ∘ Ct−1 + Wbf + Rbf)      (1 − it with `input_forget`)
/// ct = g(Xt Wcᵀ + Ht−1 Rcᵀ + Wbc + Rbc)
/// Ct = ft ∘ Ct−1 + it ∘ ct
/// ot = f(Xt Woᵀ + Ht−1 Roᵀ + Po ∘ Ct + Wbo + Rbo)
/// Ht = ot ∘ h(Ct)
/// ```
/// The inputs are X `[T, B, I]`, W `[D, 4H, I]` and R `[D, 4H, H]` in the order i, o, f, c, and
/// optionally B `[D, 8H]`, sequence_lens `[B]`, initial_h and initial_c `[D, B, H]`, and P `[D, 3H]`
/// in the order i, o, f. The outputs are Y `[T, D, B, H]`, Y_h and Y_c `[D, B, H]`. The batch comes
/// first where `layout` is 1.
///
/// `clip` clips the arguments of the gates' f and g, but not Ct as the argument of h. onnxruntime
/// and OpenVINO do the same, and no test of the standard contradicts them.
///
/// `LSTMCell` computes a step and its gradient.
struct LSTM: RecurrentOperator {
  static let schema = Schema(
    "LSTM",
    [1: .floats, 7: .floats, 14: .floats, 22: [.floats, .bfloat16]],
    inputs: 3...8, outputs: 0...3)
  static let gateCount = 4
  static let outputCount = 3
  let attributes: RecurrentAttributes
  let couplesInputAndForget: Bool

  init(_ node: inout NodeReader) throws(OperatorError) {
    attributes = try RecurrentAttributes(&node, defaults: [.sigmoid, .tanh, .tanh])
    couplesInputAndForget = try node.flag("input_forget")
  }

  func floatCell(hasPeepholes: Bool) -> AnyRecurrentCell<Float> {
    AnyRecurrentCell(LSTMCell(self, hasPeepholes: hasPeepholes))
  }
  func doubleCell(hasPeepholes: Bool) -> AnyRecurrentCell<Double> {
    AnyRecurrentCell(LSTMCell(self, hasPeepholes: hasPeepholes))
  }
}

extension LSTM {
  static var versionSteps: [VersionStep] {
    [
      .outputSequence, .recurrentLayout,
    ]
  }
}
