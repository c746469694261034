import ONNXFormat
import ONNXOperators

/// The softmax of dequantised 8-bit integers, times `⌊1 / scale⌋`, rounded and moved by the zero point.
/// `opset` tells which `Softmax` it stands for: before 13, all axes from `axis` on are one.
///
/// A probability of 1 saturates; onnxruntime lets it wrap to −128 if the type is int8, the scale 1/256
/// and the zero point −128.
struct QLinearSoftmax: FunctionOperator {
  static let schema = Schema(
    "QLinearSoftmax", domain: ContribOperators.domain, [1: [.int8, .uint8]], inputs: 4...5)
  let axis: Int
  let opset: Int

  init(_ node: inout NodeReader) throws(OperatorError) {
    opset = try node.int("opset")
    axis = try node.int("axis", default: -1)
  }

  func body(_ function: inout FunctionBuilder) throws(OperatorError) {
    let x = function.dequantized(0, scale: 1, zero: 2)
    let y = function.node("Softmax", [x], [.int("axis", axis)], version: opset < 13 ? 11 : 13)
    let levels = function.node("Floor", [function.node("Reciprocal", [function.input(3)])])
    function.set(0, function.rounded(function.builder.mul(y, levels), zero: 4, like: 0))
  }
}
