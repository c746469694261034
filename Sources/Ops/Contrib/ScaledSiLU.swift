import ONNXFormat
import ONNXOperators

/// `y = z / (1 + e⁻ᶻ)` for `z = scale · x`, where the scale is a scalar input or the attribute alpha.
struct ScaledSiLU: FunctionOperator {
  static let schema = Schema(
    "ScaledSiLU", domain: ContribOperators.domain, [1: [.floats, .bfloat16]], inputs: 1...2)
  let alpha: Float

  init(_ node: inout NodeReader) throws(OperatorError) {
    alpha = try node.float("alpha", default: 1)
  }

  func body(_ function: inout FunctionBuilder) throws(OperatorError) {
    let x = function.input(0)
    let scale =
      function.has(1)
      ? function.node("CastLike", [function.input(1), x])
      : function.scalar(Double(alpha), like: x)
    function.set(0, function.node("Swish", [function.node("Mul", [x, scale])], version: 24))
  }
}
