import CKernels
import ONNXOperators
import ONNXProducts

/// The step of LSTM and its gradient, in the order i, o, f, c of the gates, with `a` the arguments
/// of f and g:
/// ```
/// dao = f′(ao) ∘ dHt ∘ h(Ct)
/// dCt += dHt ∘ ot ∘ h′(Ct) + dao ∘ Po
/// dai = f′(ai) ∘ dCt ∘ ct          daf = f′(af) ∘ dCt ∘ Ct−1      dac = g′(ac) ∘ dCt ∘ it
/// dCt−1 = dCt ∘ ft + dai ∘ Pi + daf ∘ Pf
/// dHt−1 = da · R
/// ```
/// and with `input_forget`, where `ft` is `1 − it`: `dai = f′(ai) ∘ dCt ∘ (ct − Ct−1)`, `daf = 0`.
struct LSTMCell<Value: GateValue>: RecurrentCell {
  private let attributes: RecurrentAttributes
  private let couplesInputAndForget: Bool
  private let hasPeepholes: Bool
  /// Whether the loops in C compute it.
  private let isFast: Bool
  let shape: CellShape

  init(_ layer: LSTM, hasPeepholes: Bool) {
    attributes = layer.attributes
    couplesInputAndForget = layer.couplesInputAndForget
    self.hasPeepholes = hasPeepholes
    isFast =
      Value.self == Float.self && attributes.isStandard && !couplesInputAndForget && !hasPeepholes
    shape = CellShape(matrices: [4], hasCellState: true, keepsArguments: !isFast)
  }

  func forward(_ step: RecurrentStep<Value>, phase: Int) {
    step.multiplyPrevious(by: 0, to: 0)
    guard isFast else { return generalForward(step) }
    let at = step.at
    for row in step.rows {
      ck_lstm_cell(
        at.gate(0, row).floats, at.padded, step.bias?.floats, at.previousCell(row).floats,
        at.nextCell(row).floats, at.next(row).floats, step.units.count)
    }
  }

  private func generalForward(_ step: RecurrentStep<Value>) {
    let n = step.units.count
    let functions = attributes.activations[step.direction]
    let (f, g, h) = (functions[0], functions[1], functions[2])
    let clip = attributes.clip
    let at = step.at
    let first = step.units.lowerBound
    let Pi = step.parameters.peephole(0) + first
    let Po = step.parameters.peephole(1) + first
    let Pf = step.parameters.peephole(2) + first

    for row in step.rows {
      let (it, ot, ft, ct) = (at.gate(0, row), at.gate(1, row), at.gate(2, row), at.gate(3, row))
      let (old, Ct, Ht) = (at.previousCell(row), at.nextCell(row), at.next(row))
      for gate in 0..<4 { step.addBias(gate, row) }
      if hasPeepholes { for u in 0..<n { it[u] += Pi[u] * old[u] } }
      step.activate(0, row, f, clip: clip)
      if couplesInputAndForget {
        for u in 0..<n { ft[u] = 1 - it[u] }
      } else {
        if hasPeepholes { for u in 0..<n { ft[u] += Pf[u] * old[u] } }
        step.activate(2, row, f, clip: clip)
      }
      step.activate(3, row, g, clip: clip)
      // In place, so that the compiler sees which arrays are the same.
      if Ct != old { Ct.update(from: old, count: n) }
      for u in 0..<n { Ct[u] = ft[u] * Ct[u] + it[u] * ct[u] }
      if hasPeepholes { for u in 0..<n { ot[u] += Po[u] * Ct[u] } }
      step.activate(1, row, f, clip: clip)
      h.apply(Ct, Ht, n)
      for u in 0..<n { Ht[u] *= ot[u] }
    }
  }

  func backward(_ step: BackwardStep<Value>) {
    let at = step.at
    for row in step.rows {
      let dH = step.hidden(row)
      if isFast {
        ck_lstm_gradient(
          at.gate(0, row).floats, at.previousCell(row).floats, at.nextCell(row).floats, dH.floats,
          step.cell(row).floats, step.gradients(row).floats, step.biasGradients.floats, step.units)
      } else {
        generalBackward(step, row, dH)
      }
      dH.clear(step.units)
    }
    step.multiplyGradients(by: 0, addingTo: step.hidden)
  }

  private func generalBackward(
    _ step: BackwardStep<Value>, _ row: Int32, _ dH: UnsafeMutablePointer<Value>
  ) {
    let n = step.units
    let clip = attributes.clip
    let functions = attributes.activations[step.direction]
    let (f, g, h) = (functions[0], functions[1], functions[2])
    let at = step.at
    let (it, ot, ft, ct) = (at.gate(0, row), at.gate(1, row), at.gate(2, row), at.gate(3, row))
    let (old, Ct) = (at.previousCell(row), at.nextCell(row))
    let (dC, hC) = (step.cell(row), step.spare(row))
    let (Pi, Po, Pf) = (step.peepholes, step.peepholes + n, step.peepholes + 2 * n)
    let dai = step.gradients(row)
    let (dao, daf, dac) = (dai + n, dai + 2 * n, dai + 3 * n)

    h.apply(Ct, hC, n)
    for u in 0..<n { dao[u] = dH[u] * hC[u] }
    f.differentiate(dao, at.argument(1, row), ot, clip: clip, n)
    for u in 0..<n { dH[u] *= ot[u] }
    h.differentiate(dH, Ct, hC, clip: nil, n)
    dC.add(dH, n)
    if hasPeepholes { for u in 0..<n { dC[u] += dao[u] * Po[u] } }

    if couplesInputAndForget {
      for u in 0..<n { dai[u] = dC[u] * (ct[u] - old[u]) }
      daf.clear(n)
    } else {
      for u in 0..<n { dai[u] = dC[u] * ct[u] }
      for u in 0..<n { daf[u] = dC[u] * old[u] }
      f.differentiate(daf, at.argument(2, row), ft, clip: clip, n)
    }
    f.differentiate(dai, at.argument(0, row), it, clip: clip, n)
    for u in 0..<n { dac[u] = dC[u] * it[u] }
    g.differentiate(dac, at.argument(3, row), ct, clip: clip, n)

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
