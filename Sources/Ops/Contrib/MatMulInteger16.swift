import ONNXFormat
import ONNXOperators

/// The matrix product of int16 tensors, in int32.
struct MatMulInteger16: FunctionOperator {
  static let schema = Schema(
    "MatMulInteger16", domain: ContribOperators.domain, [1: .int16], inputs: 2...2)

  init(_ node: inout NodeReader) throws(OperatorError) {}

  func body(_ function: inout FunctionBuilder) throws(OperatorError) {
    let a = function.builder.cast(function.input(0), to: .int32)
    let b = function.builder.cast(function.input(1), to: .int32)
    function.set(0, function.builder.matMul(a, b))
  }
}
