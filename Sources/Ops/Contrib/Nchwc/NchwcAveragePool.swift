import ONNXFormat
import ONNXOperators

/// `AveragePool` of images with padded channels.
struct NchwcAveragePool: FunctionOperator {
  static let schema = Schema("AveragePool", domain: NchwcBlock.domain, [1: .float32], inputs: 1...1)
  private let pool: [Attribute]

  init(_ node: inout NodeReader) throws(OperatorError) { pool = node.attributes(prefix: "") }

  func body(_ function: inout FunctionBuilder) throws(OperatorError) {
    function.set(0, function.node("AveragePool", [function.input(0)], pool))
  }
}
