import ONNXFormat
import ONNXOperators

/// `MaxPool` of images with padded channels.
struct NchwcMaxPool: FunctionOperator {
  static let schema = Schema("MaxPool", domain: NchwcBlock.domain, [1: .float32], inputs: 1...1)
  private let pool: [Attribute]

  init(_ node: inout NodeReader) throws(OperatorError) { pool = node.attributes(prefix: "") }

  func body(_ function: inout FunctionBuilder) throws(OperatorError) {
    function.set(0, function.node("MaxPool", [function.input(0)], pool, version: 12))
  }
}
