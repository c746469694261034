import ONNXFormat
import ONNXOperators
import ONNXProducts

/// A layer of gated recurrent units:
/// ```
/// zt = f(Xt Wzᵀ + Ht−1 Rzᵀ + Wbz + Rbz)
/// rt = f(Xt Wrᵀ + Ht−1 Rrᵀ + Wbr + Rbr)
/// ht = g(Xt Whᵀ + (rt ∘ Ht−1) Rhᵀ + Rbh + Wbh)
/// ht = g(Xt Whᵀ + rt ∘ (Ht−1 Rhᵀ + Rbh) + Wbh)      with `linear_before_reset`
/// Ht = (1 − zt) ∘ ht + zt ∘ Ht−1
/// ```
/// The inputs are X `[T, B, I]`, W `[D, 3H, I]` and R `[D, 3H, H]` in the order z, r, h, and
/// optionally B `[D, 6H]`, sequence_lens `[B]` and initial_h `[D, B, H]`. The outputs are
/// Y `[T, D, B, H]` and Y_h `[D, B, H]`. The batch comes first where `layout` is 1.
///
/// `GRUCell` computes a step and its gradient.
struct GRU: RecurrentOperator {
  static let schema = Schema(
    "GRU",
    [1: .floats, 3: .floats, 7: .floats, 14: .floats, 22: [.floats, .bfloat16]],
    inputs: 3...6, outputs: 0...2)
  static let gateCount = 3
  static let outputCount = 2
  let attributes: RecurrentAttributes
  let isLinearBeforeReset: Bool

  init(_ node: inout NodeReader) throws(OperatorError) {
    attributes = try RecurrentAttributes(&node, defaults: [.sigmoid, .tanh])
    isLinearBeforeReset =
      node.version >= 3 ? try node.int("linear_before_reset", default: 0) != 0 : false
  }

  func floatCell(hasPeepholes: Bool) -> AnyRecurrentCell<Float> { AnyRecurrentCell(GRUCell(self)) }
  func doubleCell(hasPeepholes: Bool) -> AnyRecurrentCell<Double> {
    AnyRecurrentCell(GRUCell(self))
  }
}

extension GRU {
  static var versionSteps: [VersionStep] {
    [
      VersionStep(
        3,
        up: { change throws(OperatorError) in
          if try change.string("direction") == "foward" { change.drop("direction") }
        },
        down: { change throws(OperatorError) in
          try change.dropNeutral("linear_before_reset", .int(0))
          if !change.hasOutput(1) {
            if change.node.outputs.count < 2 { change.addOutputs(upTo: 2) }
            change.node.outputs[1] = change.fresh("last")
          }
        }),
      .outputSequence, .recurrentLayout,
    ]
  }
}
