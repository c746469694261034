import ONNXFormat
import ONNXOperators

/// `softmax(data + bias)` over all axes from `axis` on, with the bias broadcast to the data.
struct BiasSoftmax: FunctionOperator {
  static let schema = Schema(
    "BiasSoftmax", domain: ContribOperators.domain, [1: [.floats, .bfloat16]], inputs: 2...2)
  let axis: Int

  init(_ node: inout NodeReader) throws(OperatorError) {
    axis = try node.int("axis", default: 1)
    // Tells the kernels of onnxruntime how the bias is broadcast, which its shape tells as well.
    _ = try node.int("is_inner_broadcast")
  }

  func body(_ function: inout FunctionBuilder) throws(OperatorError) {
    let sum = function.node("Add", [function.input(0), function.input(1)])
    // Version 11 takes the axes from `axis` on as one.
    function.set(0, function.node("Softmax", [sum], [.int("axis", axis)], version: 11))
  }
}
