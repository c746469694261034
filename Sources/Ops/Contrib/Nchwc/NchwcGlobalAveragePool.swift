import ONNXFormat
import ONNXOperators

/// `GlobalAveragePool` of images with padded channels.
struct NchwcGlobalAveragePool: FunctionOperator {
  static let schema = Schema(
    "GlobalAveragePool", domain: NchwcBlock.domain, [1: .float32], inputs: 1...1)

  init(_ node: inout NodeReader) throws(OperatorError) {}

  func body(_ function: inout FunctionBuilder) throws(OperatorError) {
    function.set(0, function.node("GlobalAveragePool", [function.input(0)]))
  }
}
