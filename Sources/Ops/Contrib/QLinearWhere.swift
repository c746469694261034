import ONNXFormat
import ONNXOperators

/// `z = quantise(dequantise(x))` where the condition holds, `quantise(dequantise(y))` elsewhere,
/// broadcast, for 8-bit integers.
struct QLinearWhere: FunctionOperator {
  static let schema = Schema(
    "QLinearWhere", domain: ContribOperators.domain, [1: .bool], inputs: 9...9)

  init(_ node: inout NodeReader) throws(OperatorError) {}

  func body(_ function: inout FunctionBuilder) throws(OperatorError) {
    let x = function.dequantized(1, scale: 2, zero: 3)
    let y = function.dequantized(4, scale: 5, zero: 6)
    let z = function.node("Where", [function.input(0), x, y])
    function.set(0, function.quantized(z, scale: 7, zero: 8, like: 1))
  }
}
