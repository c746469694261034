import ONNXFormat
import ONNXOperators

/// The softmax of dequantised 8-bit integers, quantised. `opset` tells which `Softmax` it stands for:
/// before 13, all axes from `axis` on are one.
///
/// onnxruntime looks exponentials up in a table whose entries it scales by the number of elements, so
/// results may differ by 1.
struct QLinearSoftmax: FunctionOperator {
  static let schema = Schema(
    "QLinearSoftmax", domain: ContribOperators.domain, [1: [.int8, .uint8]], inputs: 4...5)
  let axis: Int
  let opset: Int

  init(_ node: inout NodeReader) throws(OperatorError) {
    opset = try node.int("opset")
    axis = try node.int("axis", default: opset < 13 ? 1 : -1)
  }

  func body(_ function: inout FunctionBuilder) throws(OperatorError) {
    let x = function.dequantized(0, scale: 1, zero: 2)
    let y = function.node("Softmax", [x], [.int("axis", axis)], version: opset < 13 ? 11 : 13)
    function.set(0, function.quantized(y, scale: 3, zero: 4, like: 0))
  }
}
