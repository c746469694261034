import CKernels
import ONNXFormat
import ONNXOperators
import ONNXProducts

extension GRU: TrainableRecurrence {
  static let gateCount = 3
  static let outputCount = 2
  func floatCell(hasPeepholes: Bool) -> GRUTrainingCell<Float> { GRUTrainingCell(self) }
  func doubleCell(hasPeepholes: Bool) -> GRUTrainingCell<Double> { GRUTrainingCell(self) }
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

/// GRU and its gradient, in the order z, r, h of the gates, with `a` the arguments of f and g, and
/// `e` what the extra rows hold: `rt ∘ Ht−1`, or `Ht−1 Rhᵀ + Rbh` with `linear_before_reset`.
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
struct GRUTrainingCell<Value: TrainingValue>: TrainingCell {
  typealias Values = UnsafeMutablePointer<Value>

  let attributes: RecurrentAttributes
  let isLinearBeforeReset: Bool
  /// Whether the loops in C do it.
  private let isStandard: Bool

  var matrices: [Int] { [2, 1] }
  var slots: [Int] { isLinearBeforeReset ? [0, 3] : [0, 2] }
  var slotCount: Int { isLinearBeforeReset ? 4 : 3 }
  var hasExtraRows: Bool { true }
  var multipliesExtraRows: Bool { !isLinearBeforeReset }
  var keepsSums: Bool { !isStandard }

  init(_ layer: GRU) {
    attributes = layer.attributes
    isLinearBeforeReset = layer.isLinearBeforeReset
    let standard = [RecurrentActivation.Function.sigmoid, .tanh]
    isStandard =
      Value.self == Float.self && attributes.clip == nil
      && attributes.activations.allSatisfy { $0.map(\.function) == standard }
  }

  // MARK: Forward

  func forward(_ step: TrainingStep<Value>) {
    step.multiply(step.previous, by: 0) { step.gates($0) }
    if isLinearBeforeReset { linear(step) } else { reset(step) }
  }

  private func reset(_ step: TrainingStep<Value>) {
    let n = step.padded
    for row in step.rows {
      let zt = step.gates(row)
      let previous = step.part(step.previous, row)
      let e = step.part(step.extra, row)
      if isStandard {
        ck_gru_training_reset(zt.floats, step.bias.floats, previous.floats, e.floats, n)
      } else {
        gates(step, row)
        for u in 0..<n { e[u] = zt[n + u] * previous[u] }
      }
    }
    step.multiply(step.extra, by: 1) { step.gates($0) + 2 * n }
    for row in step.rows {
      if isStandard {
        ck_gru_training_output(
          step.gates(row).floats, step.bias.floats, step.part(step.previous, row).floats,
          step.part(step.next, row).floats, n)
      } else {
        output(step, row)
      }
    }
  }

  private func linear(_ step: TrainingStep<Value>) {
    let n = step.padded
    for row in step.rows { step.part(step.extra, row).update(from: step.bias + 3 * n, count: n) }
    step.multiply(step.previous, by: 1) { step.part(step.extra, $0) }
    for row in step.rows {
      let zt = step.gates(row)
      let e = step.part(step.extra, row)
      if isStandard {
        ck_gru_training_linear(
          zt.floats, step.bias.floats, step.part(step.previous, row).floats, e.floats,
          step.part(step.next, row).floats, n)
      } else {
        gates(step, row)
        for u in 0..<n { zt[2 * n + u] += zt[n + u] * e[u] }
        output(step, row)
      }
    }
  }

  /// zt and rt.
  private func gates(_ step: TrainingStep<Value>, _ row: Int32) {
    let n = step.padded
    let zt = step.gates(row)
    zt.add(step.bias, 2 * n)
    step.sums(row).update(from: zt, count: 2 * n)
    zt.activate(attributes.activations[step.direction][0], clip: attributes.clip, 2 * n)
  }

  /// ht and Ht.
  private func output(_ step: TrainingStep<Value>, _ row: Int32) {
    let n = step.padded
    let zt = step.gates(row)
    let ht = zt + 2 * n
    let previous = step.part(step.previous, row)
    let Ht = step.part(step.next, row)
    ht.add(step.bias + 2 * n, n)
    (step.sums(row) + 2 * n).update(from: ht, count: n)
    ht.activate(attributes.activations[step.direction][1], clip: attributes.clip, n)
    for u in 0..<n { Ht[u] = (1 - zt[u]) * ht[u] + zt[u] * previous[u] }
  }

  // MARK: Backward

  func backward(_ step: TrainingStep<Value>) {
    let n = step.padded
    for row in step.rows {
      if !isStandard {
        generalGradient(step, row)
        continue
      }
      let zt = step.gates(row).floats
      let previous = step.part(step.previous, row).floats
      let dH = step.part(step.hidden, row).floats
      let da = step.gradients(row).floats
      if isLinearBeforeReset {
        ck_gru_training_linear_gradient(
          zt, previous, step.part(step.extra, row).floats, dH, da, step.biasGradients.floats, n)
      } else {
        ck_gru_training_gradient(zt, previous, dH, da, step.biasGradients.floats, n)
      }
    }
    if isLinearBeforeReset {
      step.multiplyGradients(by: 1, addingTo: step.hidden)
    } else {
      for row in step.rows { step.part(step.spare, row).clear(n) }
      step.multiplyGradients(by: 1, addingTo: step.spare)
      for row in step.rows { resetGradient(step, row) }
    }
    step.multiplyGradients(by: 0, addingTo: step.hidden)
  }

  private func resetGradient(_ step: TrainingStep<Value>, _ row: Int32) {
    let n = step.padded
    let zt = step.gates(row)
    let rt = zt + n
    let previous = step.part(step.previous, row)
    let de = step.part(step.spare, row)
    let dH = step.part(step.hidden, row)
    let da = step.gradients(row)
    if isStandard {
      ck_gru_training_reset_gradient(
        zt.floats, previous.floats, de.floats, dH.floats, da.floats,
        step.biasGradients.floats, n)
    } else {
      let dar = da + n
      for u in 0..<n { dar[u] = de[u] * previous[u] }
      attributes.activations[step.direction][0].scale(
        dar, step.sums(row) + n, rt, clip: attributes.clip, n)
      for u in 0..<n { dH[u] += de[u] * rt[u] }
      step.biasGradients.add(da, 3 * n)
    }
  }

  private func generalGradient(_ step: TrainingStep<Value>, _ row: Int32) {
    let n = step.padded
    let clip = attributes.clip
    let (f, g) = (
      attributes.activations[step.direction][0], attributes.activations[step.direction][1]
    )
    let zt = step.gates(row)
    let (rt, ht) = (zt + n, zt + 2 * n)
    let a = step.sums(row)
    let previous = step.part(step.previous, row)
    let dH = step.part(step.hidden, row)
    let daz = step.gradients(row)
    let (dar, dah) = (daz + n, daz + 2 * n)
    for u in 0..<n { daz[u] = dH[u] * (previous[u] - ht[u]) }
    f.scale(daz, a, zt, clip: clip, n)
    for u in 0..<n { dah[u] = dH[u] * (1 - zt[u]) }
    g.scale(dah, a + 2 * n, ht, clip: clip, n)
    for u in 0..<n { dH[u] *= zt[u] }
    if isLinearBeforeReset {
      let e = step.part(step.extra, row)
      let de = daz + 3 * n
      for u in 0..<n { de[u] = dah[u] * rt[u] }
      for u in 0..<n { dar[u] = dah[u] * e[u] }
      f.scale(dar, a + n, rt, clip: clip, n)
      step.biasGradients.add(daz, 4 * n)
    }
  }
}
