import ONNXFormat
import ONNXOperators

/// `y = x / (1 + e^(−alpha · x))`
struct QuickGelu: FunctionOperator {
  static let schema = Schema(
    "QuickGelu", domain: ContribOperators.domain, [1: [.floats, .bfloat16]], inputs: 1...1)
  let alpha: Float

  init(_ node: inout NodeReader) throws(OperatorError) {
    alpha = try node.float("alpha", default: 1.702)
  }

  func body(_ function: inout FunctionBuilder) throws(OperatorError) {
    function.set(
      0, function.node("Swish", [function.input(0)], [.float("alpha", alpha)], version: 24))
  }
}
