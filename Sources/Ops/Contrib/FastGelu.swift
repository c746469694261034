import ONNXFormat
import ONNXOperators

/// `y = ½ t (1 + tanh(√(2/π) (t + 0.044715 t³)))` for `t = x + bias`, where the optional bias is a
/// vector over the last axis of `x`.
struct FastGelu: FunctionOperator {
  static let schema = Schema(
    "FastGelu", domain: ContribOperators.domain, [1: [.floats, .bfloat16]], inputs: 1...2)

  init(_ node: inout NodeReader) throws(OperatorError) {}

  func body(_ function: inout FunctionBuilder) throws(OperatorError) {
    var t = function.input(0)
    if function.has(1) { t = function.node("Add", [t, function.input(1)]) }
    function.set(0, function.node("Gelu", [t], [.string("approximate", "tanh")]))
  }
}
