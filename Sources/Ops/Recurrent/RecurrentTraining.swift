import ONNXFormat
import ONNXOperators
import ONNXProducts

/// RNN, LSTM or GRU, which can be trained.
protocol TrainableRecurrence: DifferentiableOperator {
  associatedtype FloatCell: TrainingCell where FloatCell.Value == Float
  associatedtype DoubleCell: TrainingCell where DoubleCell.Value == Double

  static var gateCount: Int { get }
  /// Outputs of the standard: Y, Y_h, and LSTM's Y_c.
  static var outputCount: Int { get }
  var attributes: RecurrentAttributes { get }
  func floatCell(hasPeepholes: Bool) -> FloatCell
  func doubleCell(hasPeepholes: Bool) -> DoubleCell
  // Stated by each type for itself, so that the compiler makes loops of its cells' types.
  func trainingKernel(_ call: Preparation) throws(OperatorError) -> Kernel
  func gradientKernel(_ call: Preparation) throws(OperatorError) -> Kernel
}

extension TrainableRecurrence {
  func differentiate(_ backward: inout Backward) throws(OperatorError) {
    let gradients = (0..<Self.outputCount).map { backward.gradient($0) ?? "" }
    guard gradients.contains(where: { !$0.isEmpty }) else { return }
    let type = try backward.elementType()
    guard type == .float32 || type == .float64 else {
      throw .unsupported("training \(Self.schema.name) in \(type)")
    }
    var forward = backward.forward
    while forward.outputs.count < Self.outputCount { forward.outputs.append("") }
    let reserve = backward.builder.unique(
      "\(forward.outputs.first { !$0.isEmpty } ?? Self.schema.name)_reserve")
    forward.operatorType = RecurrentTraining<Self>.schema.name
    forward.domain = Registry.privateDomain
    forward.operatorSetVersion = backward.operatorSet
    forward.outputs.append(reserve)
    backward.replaceForward(with: forward)

    // What the biases and initial states were is in the reserve.
    let used: Set = [0, 1, 2, 4, 7]
    let inputs = (0..<8).map { used.contains($0) ? backward.input($0) : "" }
    let hints = (0..<RecurrentGrad<Self>.sources.count).map { output -> String in
      let input = RecurrentGrad<Self>.sources[output]
      return backward.has(input) && backward.wants(input) ? "\(backward.input(input))_grad" : ""
    }
    let results = backward.builder.nodes(
      RecurrentGrad<Self>.schema.name, inputs + [reserve] + gradients, forward.attributes,
      outputs: hints, domain: Registry.privateDomain, operatorSet: backward.operatorSet)
    for (input, result) in zip(RecurrentGrad<Self>.sources, results) where !result.isEmpty {
      backward.set(input, result)
    }
  }

  /// The shape of the reserve, as far as sizes are known.
  func reserve(_ inputs: Inputs, _ shape: RecurrentShape) throws(OperatorError) -> Shape {
    guard shape.steps.size != nil, shape.batch.size != nil, shape.input.size != nil,
      shape.hidden.size != nil
    else { return [.size(shape.directions), .unknown] }
    let peepholes = inputs.has(7)
    let sizes =
      try inputs.tensor(0).elementType == .float64
      ? TrainingLayer(doubleCell(hasPeepholes: peepholes), shape, attributes).reserve
      : TrainingLayer(floatCell(hasPeepholes: peepholes), shape, attributes).reserve
    return Shape(sizes)
  }
}

/// The forward pass of a layer that is trained: outputs as those of the layer, and last a reserve
/// of what the backward pass needs.
struct RecurrentTraining<Base: TrainableRecurrence>: Operator {
  static var schema: Schema {
    Schema(
      Base.schema.name + "Training", gradientOf: Base.schema, inputs: Base.schema.inputs,
      outputs: Base.outputCount + 1...Base.outputCount + 1)
  }
  let base: Base

  init(_ node: inout NodeReader) throws(OperatorError) { base = try Base(&node) }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let shape = try RecurrentShape(inputs, base.attributes, gates: Base.gateCount)
    let type = try inputs.tensor(0, [.float32, .float64]).elementType
    return try base.infer(inputs) + [.tensor(type, base.reserve(inputs, shape))]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    try base.trainingKernel(call)
  }
}
