import ONNXFormat
import ONNXOperators
import ONNXProducts

/// RNN, LSTM or GRU.
protocol RecurrentOperator: DifferentiableOperator {
  static var gateCount: Int { get }
  /// The number of outputs of the standard: Y, Y_h, and LSTM's Y_c.
  static var outputCount: Int { get }
  var attributes: RecurrentAttributes { get }
  // Each operator states these for itself, so that the compiler specialises its cell's loops.
  func floatCell(hasPeepholes: Bool) -> AnyRecurrentCell<Float>
  func doubleCell(hasPeepholes: Bool) -> AnyRecurrentCell<Double>
}

extension RecurrentOperator {
  static var parameters: [ParameterInput] {
    [.init(1, .inputWeights), .init(2, .stateWeights), .init(3, .gateBiases)]
  }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let shape = try RecurrentShape(inputs, attributes, gates: Self.gateCount)
    let type = try inputs.tensor(0).elementType
    let state = ValueType.tensor(type, shape.state)
    return [.tensor(type, shape.sequence)]
      + Array(repeating: state, count: Self.outputCount - 1)
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    try kernel(call, isTraining: false)
  }

  /// The kernel of the layer. float16 and bfloat16 compute in float32.
  /// - Parameter isTraining: whether the reserve comes as a further output
  func kernel(_ call: Preparation, isTraining: Bool) throws(OperatorError) -> Kernel {
    let hasPeepholes = call.inputs.has(7)
    let type = try call.elementType(0)
    if type == .float64 {
      return try doubleCell(hasPeepholes: hasPeepholes)
        .kernel(LayerElements(Double.self), attributes, call, isTraining: isTraining)
    }
    let elements: LayerElements<Float>
    switch type {
    case .float32: elements = LayerElements(Float.self)
    case .float16: elements = LayerElements(Float16.self)
    case .bfloat16: elements = LayerElements(BFloat16.self)
    default: throw .input(0, "no kernel for \(type)")
    }
    return try floatCell(hasPeepholes: hasPeepholes)
      .kernel(elements, attributes, call, isTraining: isTraining)
  }

  func differentiate(_ backward: inout Backward) throws(OperatorError) {
    try differentiateRecurrence(Self.schema.name, outputCount: Self.outputCount, &backward)
  }
}

/// The input of a layer that each output of its gradient belongs to.
let recurrentGradientSources = [0, 1, 2, 3, 5, 6, 7]
/// The names of the private operators are those of the layer with these suffixes.
let recurrentTrainingSuffix = "Training"
let recurrentGradientSuffix = "Grad"

/// Replaces a layer by its forward pass in training, and adds its backward pass.
private func differentiateRecurrence(
  _ name: String, outputCount: Int, _ backward: inout Backward
) throws(OperatorError) {
  let gradients = (0..<outputCount).map { backward.gradient($0) ?? "" }
  guard gradients.contains(where: { !$0.isEmpty }) else { return }
  let type = try backward.elementType()
  guard type == .float32 || type == .float64 else {
    throw .unsupported("training \(name) in \(type)")
  }
  var forward = backward.forward
  while forward.outputs.count < outputCount { forward.outputs.append("") }
  let reserve = backward.builder.unique(
    "\(forward.outputs.first { !$0.isEmpty } ?? name)_reserve")
  forward.operatorType = name + recurrentTrainingSuffix
  forward.domain = Registry.privateDomain
  forward.operatorSetVersion = backward.operatorSet
  forward.outputs.append(reserve)
  backward.replaceForward(with: forward)

  // The reserve holds what followed from the biases and initial states.
  let used: Set = [0, 1, 2, 4, 7]
  let inputs = (0..<8).map { used.contains($0) ? backward.input($0) : "" }
  let hints = recurrentGradientSources.map { input in
    backward.has(input) && backward.wants(input) ? "\(backward.input(input))_grad" : ""
  }
  let results = backward.builder.nodes(
    name + recurrentGradientSuffix, inputs + [reserve] + gradients, forward.attributes,
    outputs: hints, domain: Registry.privateDomain, operatorSet: backward.operatorSet)
  for (input, result) in zip(recurrentGradientSources, results) where !result.isEmpty {
    backward.set(input, result)
  }
}

extension RecurrentOperator {
  /// States go from step to step where the layer has one direction, from the first step on.
  func steps(_ site: StepSite) throws(OperatorError) -> StepRelation {
    guard site.axis() == (attributes.batchFirst ? 1 : 0), site.onlyFirstHasSteps,
      attributes.reversed == [false], !site.inputs.has(4)
    else { return .wholeSequence }
    return .recurrent(states: (1..<Self.outputCount).map { (input: $0 + 4, output: $0) })
  }
}
