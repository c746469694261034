import ONNXFormat
import ONNXOperators
import ONNXProducts

/// Back-propagation through time: the gradients of a layer over its whole sequence.
///
/// The inputs are X, W, R, –, sequence_lens, –, –, P of the layer, the reserve of its forward pass,
/// and the gradients of Y, Y_h and LSTM's Y_c, each of which may be left out. The outputs are the
/// gradients of X, W, R, B, initial_h, initial_c and P.
struct RecurrentGrad<Base: RecurrentOperator>: Operator {
  static var schema: Schema {
    Schema(
      Base.schema.name + recurrentGradientSuffix, gradientOf: Base.schema,
      inputs: 10...9 + Base.outputCount, outputs: 1...recurrentGradientSources.count)
  }
  let base: Base

  init(_ node: inout NodeReader) throws(OperatorError) { base = try Base(&node) }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let shape = try RecurrentShape(inputs.ofLayer, base.attributes, gates: Base.gateCount)
    let type = try inputs.tensor(0, [.float32, .float64]).elementType
    try match(inputs, 8, base.reserve(inputs, shape))
    try match(inputs, 9, shape.sequence)
    try match(inputs, 10, shape.state)
    try match(inputs, 11, shape.state)

    let directions = Dimension.size(shape.directions)
    func units(_ factor: Int) throws(OperatorError) -> Dimension {
      guard let hidden = shape.hidden.size else { return .unknown }
      let (size, overflow) = hidden.multipliedReportingOverflow(by: factor)
      if overflow { throw .memory(needed: Int.max, limit: Int.max) }
      return .size(size)
    }
    let gates = Base.gateCount
    let state = ValueType.tensor(type, shape.state)
    return [
      .tensor(type, try inputs.tensor(0).shape), .tensor(type, try inputs.tensor(1).shape),
      .tensor(type, try inputs.tensor(2).shape),
      .tensor(type, [directions, try units(2 * gates)]), state, state,
      .tensor(type, [directions, try units(3)]),
    ]
  }

  private func match(
    _ inputs: Inputs, _ index: Int, _ shape: Shape
  ) throws(OperatorError) {
    guard inputs.has(index) else {
      if index == 8 { throw .input(8, "is missing") }
      return
    }
    _ = try inputs.tensor(index, sameTypeAs: 0)
    guard let actual = try inputs.shape(index, rank: shape.rank) else { return }
    for (a, b) in zip(actual, shape) {
      if let a = a.size, let b = b.size, a != b {
        throw .input(index, "expected shape \(shape), got \(actual)")
      }
    }
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    let hasPeepholes = call.inputs.has(7)
    return try call.elementType(0) == .float64
      ? RecurrentBackward(base.doubleCell(hasPeepholes: hasPeepholes), base.attributes, call).kernel
      : RecurrentBackward(base.floatCell(hasPeepholes: hasPeepholes), base.attributes, call).kernel
  }
}

extension Inputs {
  /// The inputs of a gradient that are inputs of the recurrent layer itself.
  var ofLayer: Inputs {
    Inputs(types: Array(types.prefix(8)), constants: Array(constants.prefix(8)))
  }
}
