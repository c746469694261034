import CKernels
import ONNXFormat
import ONNXOperators
import ONNXProducts

extension RNN: TrainableRecurrence {
  static let gateCount = 1
  static let outputCount = 2
  func floatCell(hasPeepholes: Bool) -> RNNTrainingCell<Float> {
    RNNTrainingCell(attributes: attributes)
  }
  func doubleCell(hasPeepholes: Bool) -> RNNTrainingCell<Double> {
    RNNTrainingCell(attributes: attributes)
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

/// RNN and its gradient `da = f′(a) ∘ dHt`, `dHt−1 = da · R`, with `a` the argument of f, which
/// stays in the gates.
struct RNNTrainingCell<Value: TrainingValue>: TrainingCell {
  let attributes: RecurrentAttributes
  var matrices: [Int] { [1] }
  var slots: [Int] { [0] }
  var slotCount: Int { 1 }
  var keepsSums: Bool { false }
  /// Whether the loops in C do it.
  private let isStandard: Bool

  init(attributes: RecurrentAttributes) {
    self.attributes = attributes
    isStandard =
      Value.self == Float.self && attributes.clip == nil
      && attributes.activations.allSatisfy { $0[0].function == .tanh }
  }

  func forward(_ step: TrainingStep<Value>) {
    step.multiply(step.previous, by: 0) { step.gates($0) }
    let n = step.padded
    for row in step.rows {
      let a = step.gates(row)
      let Ht = step.part(step.next, row)
      if isStandard {
        ck_rnn_training_cell(a.floats, step.bias.floats, Ht.floats, n)
      } else {
        a.add(step.bias, n)
        Ht.update(from: a, count: n)
        Ht.activate(attributes.activations[step.direction][0], clip: attributes.clip, n)
      }
    }
  }

  func backward(_ step: TrainingStep<Value>) {
    let n = step.padded
    for row in step.rows {
      let Ht = step.part(step.next, row)
      let dH = step.part(step.hidden, row)
      let da = step.gradients(row)
      if isStandard {
        ck_rnn_training_gradient(Ht.floats, dH.floats, da.floats, step.biasGradients.floats, n)
      } else {
        da.update(from: dH, count: n)
        attributes.activations[step.direction][0].scale(
          da, step.gates(row), Ht, clip: attributes.clip, n)
        step.biasGradients.add(da, n)
      }
      dH.clear(n)
    }
    step.multiplyGradients(by: 0, addingTo: step.hidden)
  }
}
