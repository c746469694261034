import ONNXFormat
import ONNXOperators

/// `y = ½ x (1 + erf(x / √2))`
struct Gelu: FunctionOperator {
  static let schema = Schema(
    "Gelu", domain: ContribOperators.domain, [1: [.floats, .bfloat16]], inputs: 1...1)

  init(_ node: inout NodeReader) throws(OperatorError) {}

  func body(_ function: inout FunctionBuilder) throws(OperatorError) {
    function.set(0, function.node("Gelu", [function.input(0)]))
  }
}
