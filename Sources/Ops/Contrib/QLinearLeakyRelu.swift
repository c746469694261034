import ONNXFormat
import ONNXOperators

/// `y = quantise(x)` where `x ≥ 0`, `quantise(alpha · x)` elsewhere, with `x` dequantised, for 8-bit
/// integers.
struct QLinearLeakyRelu: FunctionOperator {
  static let schema = Schema(
    "QLinearLeakyRelu", domain: ContribOperators.domain, [1: [.int8, .uint8]], inputs: 4...5)
  let alpha: Float

  init(_ node: inout NodeReader) throws(OperatorError) {
    alpha = try node.float("alpha", default: 0.01)
  }

  func body(_ function: inout FunctionBuilder) throws(OperatorError) {
    let x = function.dequantized(0, scale: 1, zero: 2)
    let y = function.node("LeakyRelu", [x], [.float("alpha", alpha)])
    function.set(0, function.quantized(y, scale: 3, zero: 4, like: 0))
  }
}
