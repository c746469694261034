import ONNXFormat
import ONNXOperators

/// `MaxPool` of 8-bit images with the channels last: `[N, H, W, C]`.
struct NhwcMaxPool: FunctionOperator {
  static let schema = Schema(
    "NhwcMaxPool", domain: ContribOperators.domain, [1: [.int8, .uint8]], inputs: 1...1)
  private let spatial: Int
  private let pool: [Attribute]

  init(_ node: inout NodeReader) throws(OperatorError) {
    spatial = try node.ints("kernel_shape").count
    pool = node.attributes(prefix: "")
  }

  func body(_ function: inout FunctionBuilder) throws(OperatorError) {
    let axes = Array(1..<spatial + 1)
    let x = function.builder.transpose(function.input(0), [0, spatial + 1] + axes)
    let y = function.node("MaxPool", [x], pool, version: 12)
    function.set(0, function.builder.transpose(y, [0] + axes.map { $0 + 1 } + [1]))
  }
}
