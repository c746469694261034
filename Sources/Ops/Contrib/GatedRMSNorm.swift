import ONNXFormat
import ONNXOperators

/// `x / √(mean of x² + ε) · scale · activation(gate)` over each group of as many last elements as the
/// scale has, in float32. The activation is `z / (1 + e⁻ᶻ)` or `1 / (1 + e⁻ᶻ)`.
struct GatedRMSNorm: FunctionOperator {
  static let schema = Schema(
    "GatedRMSNorm", domain: ContribOperators.domain, [1: [.float32, .float16, .bfloat16]],
    inputs: 3...3)
  let epsilon: Float
  let isSigmoid: Bool

  init(_ node: inout NodeReader) throws(OperatorError) {
    epsilon = try node.float("epsilon", default: 1e-5)
    isSigmoid =
      try node.choice("activation", default: "silu", among: ["silu", "swish", "sigmoid"])
      == "sigmoid"
  }

  func body(_ function: inout FunctionBuilder) throws(OperatorError) {
    let x = function.input(0)
    let wide = (0...2).map { function.builder.cast(function.input($0), to: .float32) }
    let width = function.builder.shape(of: wide[1])
    let groups = function.node(
      "Concat", [function.builder.integers([-1]), width], [.int("axis", 0)])
    let rows = function.node("Reshape", [wide[0], groups])
    let normalized = function.node(
      "RMSNormalization", [rows, wide[1]], [.float("epsilon", epsilon)], version: 23)
    let y = function.builder.reshape(normalized, to: function.builder.shape(of: x))
    let gate =
      isSigmoid
      ? function.node("Sigmoid", [wide[2]]) : function.node("Swish", [wide[2]], version: 24)
    function.set(0, function.node("CastLike", [function.node("Mul", [y, gate]), x]))
  }
}
