import ONNXFormat
import ONNXOperators

/// The numbers from `start` to before `limit` in steps of `delta`, 1 unless given. Each is a scalar or
/// has one element.
struct ContribRange: FunctionOperator {
  static let schema = Schema(
    "Range", domain: ContribOperators.domain,
    [1: [.float32, .float64, .int16, .int32, .int64]], inputs: 2...3)

  init(_ node: inout NodeReader) throws(OperatorError) {}

  func body(_ function: inout FunctionBuilder) throws(OperatorError) {
    let start = function.node("Squeeze", [function.input(0)])
    let limit = function.node("Squeeze", [function.input(1)])
    let delta =
      function.has(2)
      ? function.node("Squeeze", [function.input(2)])
      : function.scalar(1, like: function.input(0))
    function.set(0, function.node("Range", [start, limit, delta]))
  }
}
