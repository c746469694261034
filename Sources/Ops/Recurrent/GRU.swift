import CKernels
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
/// Inputs X `[T, B, I]`, W `[D, 3H, I]` and R `[D, 3H, H]` in the order z, r, h, and optionally
/// B `[D, 6H]`, sequence_lens `[B]`, initial_h `[D, B, H]`; outputs Y `[T, D, B, H]`,
/// Y_h `[D, B, H]`, with the batch first where `layout` is 1.
struct GRU: Operator {
  static let schema = Schema(
    "GRU",
    [1: .floats, 3: .floats, 7: .floats, 14: .floats, 22: [.floats, .bfloat16]],
    inputs: 3...6, outputs: 0...2)
  static var parameters: [ParameterInput] {
    [.init(1, .inputWeights), .init(2, .stateWeights), .init(3, .gateBiases)]
  }
  let attributes: RecurrentAttributes
  let isLinearBeforeReset: Bool

  init(_ node: inout NodeReader) throws(OperatorError) {
    attributes = try RecurrentAttributes(&node, defaults: [.sigmoid, .tanh])
    isLinearBeforeReset =
      node.version >= 3 ? try node.int("linear_before_reset", default: 0) != 0 : false
  }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let shape = try RecurrentShape(inputs, attributes, gates: 3)
    let type = try inputs.tensor(0).elementType
    return [.tensor(type, shape.sequence), .tensor(type, shape.state)]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    try recurrentKernel(call, attributes, float: GRUCell(self), double: GRUCell(self))
  }
}

struct GRUCell<Value: GateValue>: RecurrentCell {
  typealias Values = UnsafeMutablePointer<Value>

  let attributes: RecurrentAttributes
  let isLinearBeforeReset: Bool
  /// Whether the loops in C do it.
  private let isStandard: Bool

  var matrices: [Int] { [2, 1] }
  // rt ∘ Ht−1 must be there in full before it is multiplied.
  var phases: Int { isLinearBeforeReset ? 1 : 2 }
  var separateBias: Int? { isLinearBeforeReset ? 2 : nil }
  var hasExtraRows: Bool { true }

  init(_ layer: GRU) {
    attributes = layer.attributes
    isLinearBeforeReset = layer.isLinearBeforeReset
    let standard = [RecurrentActivation.Function.sigmoid, .tanh]
    isStandard =
      Value.self == Float.self && attributes.clip == nil
      && attributes.activations.allSatisfy { $0.map(\.function) == standard }
  }

  func advance(_ gates: Gates<Value>, phase: Int) {
    if phase == 1 { return output(gates) }
    gates.multiply(gates.previous, by: 0, to: 0)
    if isLinearBeforeReset { linear(gates) } else { reset(gates) }
  }

  /// zt, rt, and `rt ∘ Ht−1` into the extra rows.
  private func reset(_ gates: Gates<Value>) {
    let count = gates.units.count
    let f = attributes.activations[gates.direction][0]
    for row in gates.rows {
      let zt = gates.sums(0, row)
      let rt = gates.sums(1, row)
      let previous = gates.part(gates.previous, row)
      let product = gates.part(gates.extra, row)
      if isStandard {
        ck_gru_reset(floats(zt), floats(rt), floats(previous), floats(product), count)
      } else {
        zt.activate(f, clip: attributes.clip, count)
        rt.activate(f, clip: attributes.clip, count)
        for u in 0..<count { product[u] = rt[u] * previous[u] }
      }
    }
  }

  /// ht and Ht.
  private func output(_ gates: Gates<Value>) {
    let count = gates.units.count
    gates.multiply(gates.extra, by: 1, to: 2)
    for row in gates.rows {
      let zt = gates.sums(0, row)
      let ht = gates.sums(2, row)
      let previous = gates.part(gates.previous, row)
      let Ht = gates.part(gates.next, row)
      if isStandard {
        ck_gru_output(floats(zt), floats(ht), floats(previous), floats(Ht), count)
      } else {
        mix(gates, zt, ht, previous, Ht)
      }
    }
  }

  /// All of a step, with `Ht−1 Rhᵀ + Rbh` in the extra rows.
  private func linear(_ gates: Gates<Value>) {
    let count = gates.units.count
    let f = attributes.activations[gates.direction][0]
    let Rbh = gates.parameters.separateBias + gates.units.lowerBound
    for row in gates.rows { gates.part(gates.extra, row).update(from: Rbh, count: count) }
    gates.multiplyToExtra(gates.previous, by: 1)
    for row in gates.rows {
      let zt = gates.sums(0, row)
      let rt = gates.sums(1, row)
      let ht = gates.sums(2, row)
      let product = gates.part(gates.extra, row)
      let previous = gates.part(gates.previous, row)
      let Ht = gates.part(gates.next, row)
      if isStandard {
        ck_gru_linear_cell(
          floats(zt), floats(rt), floats(ht), floats(product), floats(previous), floats(Ht), count)
      } else {
        zt.activate(f, clip: attributes.clip, count)
        rt.activate(f, clip: attributes.clip, count)
        for u in 0..<count { ht[u] += rt[u] * product[u] }
        mix(gates, zt, ht, previous, Ht)
      }
    }
  }

  private func mix(
    _ gates: Gates<Value>, _ zt: Values, _ ht: Values, _ previous: Values, _ Ht: Values
  ) {
    let count = gates.units.count
    ht.activate(attributes.activations[gates.direction][1], clip: attributes.clip, count)
    for u in 0..<count { Ht[u] = (1 - zt[u]) * ht[u] + zt[u] * previous[u] }
  }

  private func floats(_ values: Values) -> UnsafeMutablePointer<Float> {
    UnsafeMutableRawPointer(values).assumingMemoryBound(to: Float.self)
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
