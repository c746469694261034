import ONNXFormat
import ONNXOperators

/// The gates of a linear attention: `decay = scale · softplus(a + bias)` and `beta = σ(b)`, where scale
/// and bias are float32 numbers for each head.
struct LinearAttentionGate: FunctionOperator {
  static let schema = Schema(
    "LinearAttentionGate", domain: ContribOperators.domain,
    [1: [.float32, .float16, .bfloat16]], inputs: 3...4, outputs: 1...2)

  init(_ node: inout NodeReader) throws(OperatorError) {}

  func body(_ function: inout FunctionBuilder) throws(OperatorError) {
    let wide = function.node("CastLike", [function.input(0), function.input(1)])
    let soft = function.node("Softplus", [function.node("Add", [wide, function.input(1)])])
    let decay = function.node("Mul", [soft, function.input(2)])
    function.set(0, function.node("CastLike", [decay, function.input(0)]))
    if function.has(3) { function.set(1, function.node("Sigmoid", [function.input(3)])) }
  }
}
