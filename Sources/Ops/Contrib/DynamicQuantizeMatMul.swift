import ONNXFormat
import ONNXOperators

/// The product of a float32 matrix A with an 8-bit matrix B. A is quantised to uint8 as
/// `DynamicQuantizeLinear` does, the integers are multiplied exactly, and the bias is added in float32.
struct DynamicQuantizeMatMul: FunctionOperator {
  static let schema = Schema(
    "DynamicQuantizeMatMul", domain: ContribOperators.domain, [1: .float32], inputs: 3...5)

  init(_ node: inout NodeReader) throws(OperatorError) {}

  func body(_ function: inout FunctionBuilder) throws(OperatorError) {
    let a = function.builder.nodes(
      "DynamicQuantizeLinear", [function.input(0)], outputs: ["a", "scale", "zero"])
    let scale = function.builder.mul(a[1], function.input(2))
    let product = function.scaledProduct(
      a[0], zeroA: a[2], 1, zeroB: 3, scale: scale, bias: 4)
    function.set(0, product)
  }
}
