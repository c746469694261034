import ONNXFormat
import ONNXOperators

/// `y = (x − zero) · scale`, from integers of 4, 8, 16 or 32 bits.
/// The scale is one number, or one for each index of an axis.
struct ContribDequantizeLinear: FunctionOperator {
  static let schema = Schema(
    "DequantizeLinear", domain: ContribOperators.domain,
    [1: [.int8, .uint8, .int16, .uint16, .int32, .int4s]], inputs: 2...3)
  let axis: Int

  init(_ node: inout NodeReader) throws(OperatorError) {
    axis = try node.int("axis", default: 1)
  }

  func body(_ function: inout FunctionBuilder) throws(OperatorError) {
    let inputs = (0..<3).map { function.input($0) }
    function.set(
      0, function.node("DequantizeLinear", inputs, [.int("axis", axis)], version: 21))
  }
}
