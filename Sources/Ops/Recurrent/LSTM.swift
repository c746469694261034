import CKernels
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
/// Inputs X `[T, B, I]`, W `[D, 4H, I]` and R `[D, 4H, H]` in the order i, o, f, c, and optionally
/// B `[D, 8H]`, sequence_lens `[B]`, initial_h and initial_c `[D, B, H]`, P `[D, 3H]` in the order
/// i, o, f; outputs Y `[T, D, B, H]`, Y_h and Y_c `[D, B, H]`, with the batch first where `layout`
/// is 1.
///
/// `clip` bounds what goes into the gates' f and g, not Ct on its way into h: so do onnxruntime and
/// OpenVINO, and no test of the standard says otherwise.
struct LSTM: Operator {
  static let schema = Schema(
    "LSTM",
    [1: .floats, 7: .floats, 14: .floats, 22: [.floats, .bfloat16]],
    inputs: 3...8, outputs: 0...3)
  static var parameters: [ParameterInput] {
    [.init(1, .inputWeights), .init(2, .stateWeights), .init(3, .gateBiases)]
  }
  let attributes: RecurrentAttributes
  let couplesInputAndForget: Bool

  init(_ node: inout NodeReader) throws(OperatorError) {
    attributes = try RecurrentAttributes(&node, defaults: [.sigmoid, .tanh, .tanh])
    couplesInputAndForget = try node.flag("input_forget")
  }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let shape = try RecurrentShape(inputs, attributes, gates: 4)
    let type = try inputs.tensor(0).elementType
    let state = ValueType.tensor(type, shape.state)
    return [.tensor(type, shape.sequence), state, state]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    let hasPeepholes = call.inputs.has(7)
    return try recurrentKernel(
      call, attributes, float: LSTMCell(self, hasPeepholes: hasPeepholes),
      double: LSTMCell(self, hasPeepholes: hasPeepholes))
  }
}

struct LSTMCell<Value: GateValue>: RecurrentCell {
  let attributes: RecurrentAttributes
  let couplesInputAndForget: Bool
  let hasPeepholes: Bool
  /// Whether `ck_lstm_cell` does it.
  private let isStandard: Bool

  var matrices: [Int] { [4] }
  var hasCellState: Bool { true }

  init(_ layer: LSTM, hasPeepholes: Bool) {
    attributes = layer.attributes
    couplesInputAndForget = layer.couplesInputAndForget
    self.hasPeepholes = hasPeepholes
    let standard = [RecurrentActivation.Function.sigmoid, .tanh, .tanh]
    isStandard =
      Value.self == Float.self && !couplesInputAndForget && !hasPeepholes
      && attributes.clip == nil
      && attributes.activations.allSatisfy { $0.map(\.function) == standard }
  }

  func advance(_ gates: Gates<Value>, phase: Int) {
    gates.multiply(gates.previous, by: 0, to: 0)
    for row in gates.rows {
      let it = gates.sums(0, row)
      let ot = gates.sums(1, row)
      let ft = gates.sums(2, row)
      let ct = gates.sums(3, row)
      let Ct = gates.part(gates.cell, row)
      let Ht = gates.part(gates.next, row)
      if isStandard {
        standardCell(it, ot, ft, ct, Ct, Ht, gates.units.count)
      } else {
        generalCell(gates, it, ot, ft, ct, Ct, Ht)
      }
    }
  }

  typealias Values = UnsafeMutablePointer<Value>

  private func standardCell(
    _ it: Values, _ ot: Values, _ ft: Values, _ ct: Values, _ Ct: Values, _ Ht: Values, _ count: Int
  ) {
    func floats(_ values: Values) -> UnsafeMutablePointer<Float> {
      UnsafeMutableRawPointer(values).assumingMemoryBound(to: Float.self)
    }
    ck_lstm_cell(floats(it), floats(ot), floats(ft), floats(ct), floats(Ct), floats(Ht), count)
  }

  private func generalCell(
    _ gates: Gates<Value>, _ it: Values, _ ot: Values, _ ft: Values, _ ct: Values, _ Ct: Values,
    _ Ht: Values
  ) {
    let count = gates.units.count
    let functions = attributes.activations[gates.direction]
    let (f, g, h) = (functions[0], functions[1], functions[2])
    let clip = attributes.clip
    let first = gates.units.lowerBound
    let Pi = gates.parameters.peephole(0) + first
    let Po = gates.parameters.peephole(1) + first
    let Pf = gates.parameters.peephole(2) + first

    if hasPeepholes { for u in 0..<count { it[u] += Pi[u] * Ct[u] } }
    it.activate(f, clip: clip, count)
    if couplesInputAndForget {
      for u in 0..<count { ft[u] = 1 - it[u] }
    } else {
      if hasPeepholes { for u in 0..<count { ft[u] += Pf[u] * Ct[u] } }
      ft.activate(f, clip: clip, count)
    }
    ct.activate(g, clip: clip, count)
    for u in 0..<count { Ct[u] = ft[u] * Ct[u] + it[u] * ct[u] }
    if hasPeepholes { for u in 0..<count { ot[u] += Po[u] * Ct[u] } }
    ot.activate(f, clip: clip, count)
    h.apply(Ct, Ht, count)
    for u in 0..<count { Ht[u] *= ot[u] }
  }
}

extension LSTM {
  static var versionSteps: [VersionStep] {
    [
      .outputSequence, .recurrentLayout,
    ]
  }
}
