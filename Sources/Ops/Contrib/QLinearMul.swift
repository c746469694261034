import ONNXFormat
import ONNXOperators

/// `c = quantise(dequantise(a) · dequantise(b))`, broadcast, for 8-bit integers.
///
/// onnxruntime multiplies by quotients of the scales instead of dividing, so results halfway between two
/// integers may differ by 1.
struct QLinearMul: FunctionOperator {
  static let schema = Schema(
    "QLinearMul", domain: ContribOperators.domain, [1: [.int8, .uint8]], inputs: 7...8)

  init(_ node: inout NodeReader) throws(OperatorError) {}

  func body(_ function: inout FunctionBuilder) throws(OperatorError) {
    let a = function.dequantized(0, scale: 1, zero: 2)
    let b = function.dequantized(3, scale: 4, zero: 5)
    let c = function.node("Mul", [a, b])
    function.set(0, function.quantized(c, scale: 6, zero: 7, like: 0))
  }
}
