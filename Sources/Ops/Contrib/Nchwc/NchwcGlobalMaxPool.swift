import ONNXFormat
import ONNXOperators

/// `GlobalMaxPool` of images with padded channels.
struct NchwcGlobalMaxPool: FunctionOperator {
  static let schema = Schema(
    "GlobalMaxPool", domain: NchwcBlock.domain, [1: .float32], inputs: 1...1)

  init(_ node: inout NodeReader) throws(OperatorError) {}

  func body(_ function: inout FunctionBuilder) throws(OperatorError) {
    function.set(0, function.node("GlobalMaxPool", [function.input(0)]))
  }
}
