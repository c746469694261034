import ONNXFormat
import ONNXOperators

/// `y = Gelu(a + b)`, where `b` is a vector over the last axis of `a`.
struct BiasGelu: FunctionOperator {
  static let schema = Schema(
    "BiasGelu", domain: ContribOperators.domain, [1: [.floats, .bfloat16]], inputs: 2...2)

  init(_ node: inout NodeReader) throws(OperatorError) {}

  func body(_ function: inout FunctionBuilder) throws(OperatorError) {
    let sum = function.node("Add", [function.input(0), function.input(1)])
    function.set(0, function.node("Gelu", [sum]))
  }
}
