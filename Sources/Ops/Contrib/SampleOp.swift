import ONNXFormat
import ONNXOperators

/// The input itself.
struct SampleOp: FunctionOperator {
  static let schema = Schema(
    "SampleOp", domain: ContribOperators.domain, [1: .floats], inputs: 1...1)

  init(_ node: inout NodeReader) throws(OperatorError) {}

  func body(_ function: inout FunctionBuilder) throws(OperatorError) {
    function.set(0, function.node("Identity", [function.input(0)]))
  }
}
