import ONNXFormat
import ONNXOperators

/// `LayerNormalization(input + skip + bias, gamma, beta)` over the last axis, where beta and bias are
/// optional vectors, and skip may lack the batch axis or have one sample.
///
/// Outputs 1 and 2 are the mean and the inverse standard deviation of each row, output 3 is the sum.
struct SkipLayerNormalization: FunctionOperator {
  static let schema = Schema(
    "SkipLayerNormalization", domain: ContribOperators.domain, [1: [.floats, .bfloat16]],
    inputs: 3...5, outputs: 1...4)
  let epsilon: Float

  init(_ node: inout NodeReader) throws(OperatorError) {
    epsilon = try node.epsilon(default: 1e-12)
  }

  func body(_ function: inout FunctionBuilder) throws(OperatorError) {
    var sum = function.node("Add", [function.input(0), function.input(1)])
    if function.has(4) { sum = function.node("Add", [sum, function.input(4)]) }
    let results = function.builder.nodes(
      "LayerNormalization", [sum, function.input(2), function.input(3)],
      [.float("epsilon", epsilon)], outputs: ["normalized", "mean", "inverse"])
    for (index, result) in results.enumerated() { function.set(index, result) }
    function.set(3, sum)
  }
}
