import CKernels
import ONNXOperators
import ONNXProducts

/// The step of RNN and its gradient `da = f′(a) ∘ dHt`, `dHt−1 = da · R`, with `a` the argument of
/// f, which stays in the gates.
struct RNNCell<Value: GateValue>: RecurrentCell {
  private let attributes: RecurrentAttributes
  /// Whether the loops in C compute it.
  private let isFast: Bool
  let shape = CellShape(matrices: [1])

  init(_ layer: RNN) {
    attributes = layer.attributes
    isFast = Value.self == Float.self && attributes.isStandard
  }

  func forward(_ step: RecurrentStep<Value>, phase: Int) {
    step.multiplyPrevious(by: 0, to: 0)
    let n = step.units.count
    for row in step.rows {
      let (a, Ht) = (step.at.gate(0, row), step.at.next(row))
      if isFast {
        ck_rnn_cell(a.floats, step.bias?.floats, Ht.floats, n)
      } else {
        step.addBias(0, row)
        Ht.update(from: a, count: n)
        Ht.activate(attributes.activations[step.direction][0], clip: attributes.clip, n)
      }
    }
  }

  func backward(_ step: BackwardStep<Value>) {
    let n = step.units
    for row in step.rows {
      let (Ht, dH, da) = (step.at.next(row), step.hidden(row), step.gradients(row))
      if isFast {
        ck_rnn_gradient(Ht.floats, dH.floats, da.floats, step.biasGradients.floats, n)
      } else {
        da.update(from: dH, count: n)
        attributes.activations[step.direction][0].differentiate(
          da, step.at.gate(0, row), Ht, clip: attributes.clip, n)
        step.biasGradients.add(da, n)
      }
      dH.clear(n)
    }
    step.multiplyGradients(by: 0, addingTo: step.hidden)
  }
}
