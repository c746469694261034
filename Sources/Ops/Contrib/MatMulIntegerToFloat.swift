import ONNXFormat
import ONNXOperators

/// `Y = sa · sb · Σ (a − za) · (b − zb) + bias` in float32 for 8-bit matrices, with one scale and zero
/// point for A, and one or one per column for B.
///
/// The sums are exact. onnxruntime saturates sums of two products of uint8 and int8 at 16 bits on x86
/// processors without VNNI, which is why its quantiser has an option to use 7 bits.
struct MatMulIntegerToFloat: FunctionOperator {
  static let schema = Schema(
    "MatMulIntegerToFloat", domain: ContribOperators.domain, [1: [.int8, .uint8]], inputs: 4...7)

  init(_ node: inout NodeReader) throws(OperatorError) {}

  func body(_ function: inout FunctionBuilder) throws(OperatorError) {
    let scale = function.builder.mul(function.single(2), function.input(3))
    let zero = function.has(4) ? function.single(4) : ""
    let product = function.scaledProduct(
      function.input(0), zeroA: zero, 1, zeroB: 5, scale: scale, bias: 6)
    function.set(0, product)
  }
}
