import ONNXFormat
import ONNXOperators
import ONNXProducts

/// The forward pass of a layer in training. Its outputs are those of the layer, and last the
/// reserve, which the backward pass reads.
struct RecurrentTraining<Base: RecurrentOperator>: Operator {
  static var schema: Schema {
    Schema(
      Base.schema.name + recurrentTrainingSuffix, gradientOf: Base.schema,
      inputs: Base.schema.inputs,
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
    try base.kernel(call, isTraining: true)
  }
}

extension RecurrentOperator {
  /// The shape of the reserve, as far as sizes are known.
  func reserve(_ inputs: Inputs, _ shape: RecurrentShape) throws(OperatorError) -> Shape {
    guard shape.steps.size != nil, shape.batch.size != nil, shape.input.size != nil,
      shape.hidden.size != nil
    else { return [.size(shape.directions), .unknown] }
    let sizes = try RecurrentSizes(shape)
    let hasPeepholes = inputs.has(7)
    let reserve =
      try inputs.tensor(0).elementType == .float64
      ? RecurrentReserve(
        Double.self, doubleCell(hasPeepholes: hasPeepholes).shape, sizes,
        reversed: attributes.reversed)
      : RecurrentReserve(
        Float.self, floatCell(hasPeepholes: hasPeepholes).shape, sizes,
        reversed: attributes.reversed)
    return Shape(reserve.shape)
  }
}
