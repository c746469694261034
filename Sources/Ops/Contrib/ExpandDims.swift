import ONNXFormat
import ONNXOperators

/// The input with an axis of size 1 inserted at an int32 position, which may be negative.
struct ExpandDims: FunctionOperator {
  static let schema = Schema(
    "ExpandDims", domain: ContribOperators.domain, [1: .all], inputs: 2...2)

  init(_ node: inout NodeReader) throws(OperatorError) {}

  func body(_ function: inout FunctionBuilder) throws(OperatorError) {
    let axis = function.builder.cast(function.input(1), to: .int64)
    let axes = function.node("Reshape", [axis, function.builder.integers([1])])
    function.set(0, function.node("Unsqueeze", [function.input(0), axes]))
  }
}
