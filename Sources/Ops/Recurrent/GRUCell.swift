import CKernels
import ONNXOperators
import ONNXProducts

/// The step of GRU and its gradient, in the order z, r, h of the gates, with `a` the arguments of f
/// and g, and `e` the extra rows: `rt ∘ Ht−1`, or `Ht−1 Rhᵀ + Rbh` with `linear_before_reset`.
/// ```
/// daz = f′(az) ∘ dHt ∘ (Ht−1 − ht)       dah = g′(ah) ∘ dHt ∘ (1 − zt)
/// de = dah · Rh                          dar = f′(ar) ∘ de ∘ Ht−1
/// dHt−1 = dHt ∘ zt + de ∘ rt + daz · Rz + dar · Rr
/// ```
/// and with `linear_before_reset`
/// ```
/// de = dah ∘ rt                          dar = f′(ar) ∘ dah ∘ e
/// dHt−1 = dHt ∘ zt + daz · Rz + dar · Rr + de · Rh
/// ```
struct GRUCell<Value: GateValue>: RecurrentCell {
  private let attributes: RecurrentAttributes
  private let isLinearBeforeReset: Bool
  /// Whether the loops in C compute it.
  private let isFast: Bool
  let shape: CellShape

  init(_ layer: GRU) {
    attributes = layer.attributes
    isLinearBeforeReset = layer.isLinearBeforeReset
    isFast = Value.self == Float.self && attributes.isStandard
    shape = CellShape(
      matrices: [2, 1], hasSeparateBias: isLinearBeforeReset, hasExtraRows: true,
      multipliesExtraRows: !isLinearBeforeReset, keepsArguments: !isFast)
  }

  // MARK: Forward

  func forward(_ step: RecurrentStep<Value>, phase: Int) {
    if phase == 1 { return output(step) }
    step.multiplyPrevious(by: 0, to: 0)
    if isLinearBeforeReset { linear(step) } else { reset(step) }
  }

  /// zt, rt, and `rt ∘ Ht−1` in the extra rows.
  private func reset(_ step: RecurrentStep<Value>) {
    let n = step.units.count
    let at = step.at
    let f = attributes.activations[step.direction][0]
    for row in step.rows {
      let (rt, previous, e) = (at.gate(1, row), at.previous(row), at.extra(row))
      if isFast {
        ck_gru_reset(
          at.gate(0, row).floats, at.padded, step.bias?.floats, previous.floats, e.floats, n)
      } else {
        generalGates(step, row, f)
        for u in 0..<n { e[u] = rt[u] * previous[u] }
      }
    }
  }

  /// ht and Ht, after all units of `rt ∘ Ht−1` are known.
  private func output(_ step: RecurrentStep<Value>) {
    step.multiplyExtra(by: 1, to: 2)
    let at = step.at
    let g = attributes.activations[step.direction][1]
    for row in step.rows {
      if isFast {
        ck_gru_output(
          at.gate(0, row).floats, at.padded, step.bias?.floats, at.previous(row).floats,
          at.next(row).floats, step.units.count)
      } else {
        generalOutput(step, row, g)
      }
    }
  }

  /// The whole step, with `Ht−1 Rhᵀ + Rbh` in the extra rows.
  private func linear(_ step: RecurrentStep<Value>) {
    let n = step.units.count
    let at = step.at
    let functions = attributes.activations[step.direction]
    let (f, g) = (functions[0], functions[1])
    let Rbh = step.parameters.separateBias + step.units.lowerBound
    for row in step.rows { at.extra(row).update(from: Rbh, count: n) }
    step.multiplyPreviousToExtra(by: 1)
    for row in step.rows {
      let (rt, ht, e) = (at.gate(1, row), at.gate(2, row), at.extra(row))
      if isFast {
        ck_gru_linear(
          at.gate(0, row).floats, at.padded, step.bias?.floats, at.previous(row).floats, e.floats,
          at.next(row).floats, n)
      } else {
        generalGates(step, row, f)
        for u in 0..<n { ht[u] += rt[u] * e[u] }
        generalOutput(step, row, g)
      }
    }
  }

  /// zt and rt.
  @inline(__always)
  private func generalGates(
    _ step: RecurrentStep<Value>, _ row: Int32, _ f: RecurrentActivation
  ) {
    for gate in 0..<2 {
      step.addBias(gate, row)
      step.activate(gate, row, f, clip: attributes.clip)
    }
  }

  /// ht and Ht.
  @inline(__always)
  private func generalOutput(
    _ step: RecurrentStep<Value>, _ row: Int32, _ g: RecurrentActivation
  ) {
    let at = step.at
    let (zt, ht, previous, Ht) = (
      at.gate(0, row), at.gate(2, row), at.previous(row), at.next(row)
    )
    step.addBias(2, row)
    step.activate(2, row, g, clip: attributes.clip)
    for u in 0..<step.units.count { Ht[u] = (1 - zt[u]) * ht[u] + zt[u] * previous[u] }
  }

  // MARK: Backward

  func backward(_ step: BackwardStep<Value>) {
    let at = step.at
    for row in step.rows {
      let (dH, da, sums) = (step.hidden(row), step.gradients(row), step.biasGradients)
      if !isFast {
        generalGradient(step, row)
      } else if isLinearBeforeReset {
        ck_gru_linear_gradient(
          at.gate(0, row).floats, at.previous(row).floats, at.extra(row).floats, dH.floats,
          da.floats, sums.floats, step.units)
      } else {
        ck_gru_gradient(
          at.gate(0, row).floats, at.previous(row).floats, dH.floats, da.floats, sums.floats,
          step.units)
      }
    }
    if isLinearBeforeReset {
      step.multiplyGradients(by: 1, addingTo: step.hidden)
    } else {
      for row in step.rows { step.spare(row).clear(step.units) }
      step.multiplyGradients(by: 1, addingTo: step.spare)
      for row in step.rows { resetGradient(step, row) }
    }
    step.multiplyGradients(by: 0, addingTo: step.hidden)
  }

  /// dar from `de` in the spare rows.
  private func resetGradient(_ step: BackwardStep<Value>, _ row: Int32) {
    let n = step.units
    let at = step.at
    let (rt, previous) = (at.gate(1, row), at.previous(row))
    let (de, dH, da) = (step.spare(row), step.hidden(row), step.gradients(row))
    if isFast {
      ck_gru_reset_gradient(
        at.gate(0, row).floats, previous.floats, de.floats, dH.floats, da.floats,
        step.biasGradients.floats, n)
    } else {
      let dar = da + n
      for u in 0..<n { dar[u] = de[u] * previous[u] }
      attributes.activations[step.direction][0].differentiate(
        dar, at.argument(1, row), rt, clip: attributes.clip, n)
      for u in 0..<n { dH[u] += de[u] * rt[u] }
      step.biasGradients.add(da, 3 * n)
    }
  }

  /// daz and dah, and with `linear_before_reset` de and dar.
  private func generalGradient(_ step: BackwardStep<Value>, _ row: Int32) {
    let n = step.units
    let clip = attributes.clip
    let functions = attributes.activations[step.direction]
    let (f, g) = (functions[0], functions[1])
    let at = step.at
    let (zt, rt, ht) = (at.gate(0, row), at.gate(1, row), at.gate(2, row))
    let (previous, dH) = (at.previous(row), step.hidden(row))
    let daz = step.gradients(row)
    let (dar, dah) = (daz + n, daz + 2 * n)
    for u in 0..<n { daz[u] = dH[u] * (previous[u] - ht[u]) }
    f.differentiate(daz, at.argument(0, row), zt, clip: clip, n)
    for u in 0..<n { dah[u] = dH[u] * (1 - zt[u]) }
    g.differentiate(dah, at.argument(2, row), ht, clip: clip, n)
    for u in 0..<n { dH[u] *= zt[u] }
    if isLinearBeforeReset {
      let (e, de) = (at.extra(row), daz + 3 * n)
      for u in 0..<n { de[u] = dah[u] * rt[u] }
      for u in 0..<n { dar[u] = dah[u] * e[u] }
      f.differentiate(dar, at.argument(1, row), rt, clip: clip, n)
      step.biasGradients.add(daz, 4 * n)
    }
  }
}
