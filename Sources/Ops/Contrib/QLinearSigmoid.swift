import ONNXFormat
import ONNXOperators

/// `y = quantise(1 / (1 + e^−dequantise(x)))` for 8-bit integers.
struct QLinearSigmoid: FunctionOperator {
  static let schema = Schema(
    "QLinearSigmoid", domain: ContribOperators.domain, [1: [.int8, .uint8]], inputs: 4...5)

  init(_ node: inout NodeReader) throws(OperatorError) {}

  func body(_ function: inout FunctionBuilder) throws(OperatorError) {
    let x = function.dequantized(0, scale: 1, zero: 2)
    let y = function.node("Sigmoid", [x])
    function.set(0, function.quantized(y, scale: 3, zero: 4, like: 0))
  }
}
