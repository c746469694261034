import CKernels
import ONNXFormat
import ONNXOperators
import ONNXProducts

extension LSTM: TrainableRecurrence {
  static let gateCount = 4
  static let outputCount = 3
  func floatCell(hasPeepholes: Bool) -> LSTMTrainingCell<Float> {
    LSTMTrainingCell(self, hasPeepholes: hasPeepholes)
  }
  func doubleCell(hasPeepholes: Bool) -> LSTMTrainingCell<Double> {
    LSTMTrainingCell(self, hasPeepholes: hasPeepholes)
  }
  func trainingKernel(_ call: Preparation) throws(OperatorError) -> Kernel {
    let peepholes = call.inputs.has(7)
    return try call.elementType(0) == .float64
      ? doubleCell(hasPeepholes: peepholes).trainingKernel(call, attributes)
      : floatCell(hasPeepholes: peepholes).trainingKernel(call, attributes)
  }
  func gradientKernel(_ call: Preparation) throws(OperatorError) -> Kernel {
    let peepholes = call.inputs.has(7)
    return try call.elementType(0) == .float64
      ? doubleCell(hasPeepholes: peepholes).gradientKernel(call, attributes)
      : floatCell(hasPeepholes: peepholes).gradientKernel(call, attributes)
  }
}

/// LSTM and its gradient, in the order i, o, f, c of the gates, with `a` the arguments of f and g:
/// ```
/// dao = f′(ao) ∘ dHt ∘ h(Ct)
/// dCt += dHt ∘ ot ∘ h′(Ct) + dao ∘ Po
/// dai = f′(ai) ∘ dCt ∘ ct          daf = f′(af) ∘ dCt ∘ Ct−1      dac = g′(ac) ∘ dCt ∘ it
/// dCt−1 = dCt ∘ ft + dai ∘ Pi + daf ∘ Pf
/// dHt−1 = da · R
/// ```
/// and with `input_forget`, whose `ft` is `1 − it`: `dai = f′(ai) ∘ dCt ∘ (ct − Ct−1)`, `daf = 0`.
struct LSTMTrainingCell<Value: TrainingValue>: TrainingCell {
  typealias Values = UnsafeMutablePointer<Value>

  let attributes: RecurrentAttributes
  let couplesInputAndForget: Bool
  let hasPeepholes: Bool
  /// Whether the loops in C do it.
  private let isStandard: Bool

  var matrices: [Int] { [4] }
  var slots: [Int] { [0] }
  var slotCount: Int { 4 }
  var hasCellState: Bool { true }
  var keepsSums: Bool { !isStandard }

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

  func forward(_ step: TrainingStep<Value>) {
    step.multiply(step.previous, by: 0) { step.gates($0) }
    for row in step.rows {
      if isStandard {
        ck_lstm_training_cell(
          step.gates(row).floats, step.bias.floats, step.part(step.previousCell, row).floats,
          step.part(step.nextCell, row).floats, step.part(step.next, row).floats, step.padded)
      } else {
        generalForward(step, row)
      }
    }
  }

  private func generalForward(_ step: TrainingStep<Value>, _ row: Int32) {
    let n = step.padded
    let functions = attributes.activations[step.direction]
    let (f, g, h) = (functions[0], functions[1], functions[2])
    let it = step.gates(row)
    let (ot, ft, ct) = (it + n, it + 2 * n, it + 3 * n)
    let old = step.part(step.previousCell, row)
    let Ct = step.part(step.nextCell, row)
    let Ht = step.part(step.next, row)
    let (Pi, Po, Pf) = (step.peepholes, step.peepholes + n, step.peepholes + 2 * n)
    let sums = step.sums(row)

    it.add(step.bias, 4 * n)
    if hasPeepholes {
      for u in 0..<n { it[u] += Pi[u] * old[u] }
      for u in 0..<n { ft[u] += Pf[u] * old[u] }
    }
    sums.update(from: it, count: 4 * n)
    it.activate(f, clip: attributes.clip, n)
    if couplesInputAndForget {
      for u in 0..<n { ft[u] = 1 - it[u] }
    } else {
      ft.activate(f, clip: attributes.clip, n)
    }
    ct.activate(g, clip: attributes.clip, n)
    for u in 0..<n { Ct[u] = ft[u] * old[u] + it[u] * ct[u] }
    if hasPeepholes {
      for u in 0..<n { ot[u] += Po[u] * Ct[u] }
      (sums + n).update(from: ot, count: n)
    }
    ot.activate(f, clip: attributes.clip, n)
    h.apply(Ct, Ht, n)
    for u in 0..<n { Ht[u] *= ot[u] }
  }

  func backward(_ step: TrainingStep<Value>) {
    for row in step.rows {
      let dH = step.part(step.hidden, row)
      if isStandard {
        ck_lstm_training_gradient(
          step.gates(row).floats, step.part(step.previousCell, row).floats,
          step.part(step.nextCell, row).floats, dH.floats, step.part(step.cell, row).floats,
          step.gradients(row).floats, step.biasGradients.floats, step.padded)
      } else {
        generalBackward(step, row, dH)
      }
      dH.clear(step.padded)
    }
    step.multiplyGradients(by: 0, addingTo: step.hidden)
  }

  private func generalBackward(_ step: TrainingStep<Value>, _ row: Int32, _ dH: Values) {
    let n = step.padded
    let clip = attributes.clip
    let functions = attributes.activations[step.direction]
    let (f, g, h) = (functions[0], functions[1], functions[2])
    let it = step.gates(row)
    let (ot, ft, ct) = (it + n, it + 2 * n, it + 3 * n)
    let a = step.sums(row)
    let old = step.part(step.previousCell, row)
    let Ct = step.part(step.nextCell, row)
    let dC = step.part(step.cell, row)
    let hC = step.part(step.spare, row)
    let (Pi, Po, Pf) = (step.peepholes, step.peepholes + n, step.peepholes + 2 * n)
    let dai = step.gradients(row)
    let (dao, daf, dac) = (dai + n, dai + 2 * n, dai + 3 * n)

    h.apply(Ct, hC, n)
    for u in 0..<n { dao[u] = dH[u] * hC[u] }
    f.scale(dao, a + n, ot, clip: clip, n)
    for u in 0..<n { dH[u] *= ot[u] }
    h.scale(dH, Ct, hC, clip: nil, n)
    dC.add(dH, n)
    if hasPeepholes { for u in 0..<n { dC[u] += dao[u] * Po[u] } }

    if couplesInputAndForget {
      for u in 0..<n { dai[u] = dC[u] * (ct[u] - old[u]) }
      daf.clear(n)
    } else {
      for u in 0..<n { dai[u] = dC[u] * ct[u] }
      for u in 0..<n { daf[u] = dC[u] * old[u] }
      f.scale(daf, a + 2 * n, ft, clip: clip, n)
    }
    f.scale(dai, a, it, clip: clip, n)
    for u in 0..<n { dac[u] = dC[u] * it[u] }
    g.scale(dac, a + 3 * n, ct, clip: clip, n)

    for u in 0..<n { dC[u] *= ft[u] }
    if hasPeepholes {
      let dP = step.peepholeGradients
      for u in 0..<n {
        dC[u] += dai[u] * Pi[u] + daf[u] * Pf[u]
        dP[u] += dai[u] * old[u]
        dP[n + u] += dao[u] * Ct[u]
        dP[2 * n + u] += daf[u] * old[u]
      }
    }
    step.biasGradients.add(dai, 4 * n)
  }
}
