import ONNXFormat
import ONNXOperators

/// `RMSNormalization(input + skip + bias, gamma)` over the last axis, where bias is an optional vector,
/// and skip may lack the batch axis or have one sample.
///
/// Outputs 1 and 2 are the mean of each row and `1 / √(mean of squares + ε)`, output 3 is the sum.
struct SkipSimplifiedLayerNormalization: FunctionOperator {
  static let schema = Schema(
    "SkipSimplifiedLayerNormalization", domain: ContribOperators.domain, [1: [.floats, .bfloat16]],
    inputs: 3...4, outputs: 1...4)
  let epsilon: Float

  init(_ node: inout NodeReader) throws(OperatorError) {
    epsilon = try node.epsilon(default: 1e-12)
  }

  func body(_ function: inout FunctionBuilder) throws(OperatorError) {
    var sum = function.node("Add", [function.input(0), function.input(1)])
    if function.has(3) { sum = function.node("Add", [sum, function.input(3)]) }
    RootMeanSquare(epsilon: epsilon).apply(sum, function.input(2), inverse: 2, &function)
    let wide = function.builder.cast(sum, to: .float32)
    let axes = function.builder.integers([-1])
    function.set(1, function.node("ReduceMean", [wide, axes], [.int("keepdims", 1)]))
    function.set(3, sum)
  }
}
