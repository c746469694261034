import ONNXFormat
import ONNXOperators
import ONNXProducts

/// An operator that resamples its input.
protocol ResamplingOperator: DifferentiableOperator {
  /// The resampling of an input of these sizes; `nil` if it depends on inputs that are not
  /// constant.
  func resampling(
    _ inputs: Inputs, _ sizes: [Int]
  ) throws(OperatorError) -> (rule: Resampling, axes: [Resampling.Axis])?
}

extension Resize: ResamplingOperator {}
extension Resize10: ResamplingOperator {}
extension Upsample: ResamplingOperator {}
extension Upsample1: ResamplingOperator {}

extension ResamplingOperator {
  func differentiate(_ backward: inout Backward) throws(OperatorError) {
    guard let gradient = backward.gradient() else { return }
    let inputs = (0..<backward.inputCount).map(backward.input)
    backward.set(gradientOf: 0, to: ResamplingGrad<Self>.schema.name, [gradient] + inputs)
  }
}

/// The gradient of resampling: adds each element of the result's gradient, times its weights, to
/// the input elements that contributed to it. Inputs are that gradient and the inputs of the
/// operator.
struct ResamplingGrad<Base: ResamplingOperator>: Operator {
  static var schema: Schema {
    Schema(Base.schema.name + "Grad", gradientOf: Base.schema, inputs: 2...5, outputs: 1...1)
  }
  let base: Base

  init(_ node: inout NodeReader) throws(OperatorError) { base = try Base(&node) }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let input = try inputs.tensor(1, [.floats, .bfloat16])
    let result = try base.infer(inputs.behindGradient)[0].tensorType
    try inputs.check(0, isLike: result?.shape, type: input.elementType)
    return [.tensor(input)]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    let found = try base.resampling(call.inputs.behindGradient, try call.inputSizes(1))
    guard let (rule, axes) = found else {
      throw .invalid("scales, sizes and roi must be constant")
    }
    return try rule.gradientKernel(call, axes)
  }
}

extension Inputs {
  /// The inputs of the operator, which follow the gradient of its result.
  fileprivate var behindGradient: Inputs {
    Inputs(types: Array(types.dropFirst()), constants: Array(constants.dropFirst()))
  }
}
