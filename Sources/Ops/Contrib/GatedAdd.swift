import ONNXFormat
import ONNXOperators

/// `x + y · gate`, where the gate has one number for each row.
struct GatedAdd: FunctionOperator {
  static let schema = Schema(
    "GatedAdd", domain: ContribOperators.domain, [1: [.floats, .bfloat16]], inputs: 3...3)

  init(_ node: inout NodeReader) throws(OperatorError) {}

  func body(_ function: inout FunctionBuilder) throws(OperatorError) {
    let product = function.node("Mul", [function.input(1), function.input(2)])
    function.set(0, function.node("Add", [function.input(0), product]))
  }
}
