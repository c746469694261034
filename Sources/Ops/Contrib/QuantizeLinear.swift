import ONNXFormat
import ONNXOperators

/// `y = saturate(round(x / scale) + zero)`, to integers of 4, 8 or 16 bits, uint8 without a zero point.
/// The scale is one number, or one for each index of an axis.
struct ContribQuantizeLinear: FunctionOperator {
  static let schema = Schema(
    "QuantizeLinear", domain: ContribOperators.domain,
    [1: [.float32, .float16]], inputs: 2...3)
  let axis: Int

  init(_ node: inout NodeReader) throws(OperatorError) {
    axis = try node.int("axis", default: 1)
  }

  func body(_ function: inout FunctionBuilder) throws(OperatorError) {
    let inputs = (0..<3).map { function.input($0) }
    function.set(
      0, function.node("QuantizeLinear", inputs, [.int("axis", axis)], version: 21))
  }
}
