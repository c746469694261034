import ONNXFormat
import ONNXOperators

/// The slices of the data at the index tuples in the last axis of the int32 or int64 indices.
struct GatherND: FunctionOperator {
  static let schema = Schema(
    "GatherND", domain: ContribOperators.domain, [1: .all], inputs: 2...2)

  init(_ node: inout NodeReader) throws(OperatorError) {}

  func body(_ function: inout FunctionBuilder) throws(OperatorError) {
    let indices = function.builder.cast(function.input(1), to: .int64)
    function.set(0, function.node("GatherND", [function.input(0), indices]))
  }
}
