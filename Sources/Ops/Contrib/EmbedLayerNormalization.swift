import ONNXFormat
import ONNXOperators

/// The sum of the embeddings of words, positions and, optionally, segments, normalized over the last
/// axis: `[B, S, hidden]` for int32 ids `[B, S]`.
///
/// The inputs are the ids of words and segments, the three tables, gamma, beta, a mask and the ids of
/// positions, which default to `0, 1…` in each sequence. Output 1 is the number of ones of the mask
/// in each sequence, 0 without a mask; output 2 is the sum before the normalization.
struct EmbedLayerNormalization: FunctionOperator {
  static let schema = Schema(
    "EmbedLayerNormalization", domain: ContribOperators.domain, [1: .int32], inputs: 7...9,
    outputs: 1...3)
  let epsilon: Float

  init(_ node: inout NodeReader) throws(OperatorError) {
    epsilon = try node.epsilon(default: 1e-12)
    _ = try node.optionalInt("mask_index_type")
  }

  func body(_ function: inout FunctionBuilder) throws(OperatorError) {
    guard function.has(1) == function.has(4) else {
      throw .input(4, "ids and embeddings of segments are given together or not at all")
    }
    let ids = function.input(0)
    let shape = function.builder.shape(of: ids)
    let zero = function.builder.integers([0])
    let one = function.builder.integers([1])
    let positions: String
    if function.has(8) {
      positions = function.node("Gather", [function.input(3), function.input(8)])
    } else {
      let length = function.node(
        "Slice", [shape, one, function.builder.integers([2])])
      let steps = function.node(
        "Range",
        [
          function.builder.constant(Tensor(shape: [], [0 as Int64])),
          function.node("Squeeze", [length]),
          function.builder.constant(Tensor(shape: [], [1 as Int64])),
        ])
      positions = function.node("Gather", [function.input(3), steps])
    }
    let words = function.node("Gather", [function.input(2), ids])
    var sum = function.node("Add", [words, positions])
    if function.has(1) {
      let segments = function.node("Gather", [function.input(4), function.input(1)])
      sum = function.node("Add", [sum, segments])
    }
    function.set(
      0,
      function.node(
        "LayerNormalization", [sum, function.input(5), function.input(6)],
        [.float("epsilon", epsilon)]))
    if function.has(7) {
      let ones = function.node(
        "Equal",
        [function.input(7), function.builder.constant(Tensor(shape: [], [1 as Int32]))])
      function.set(
        1,
        function.node(
          "ReduceSum", [function.builder.cast(ones, to: .int32), one], [.int("keepdims", 0)]))
    } else {
      let batch = function.node("Slice", [shape, zero, one])
      function.set(
        1,
        function.node(
          "ConstantOfShape", [batch], [.tensor("value", Tensor(shape: [1], [0 as Int32]))]))
    }
    function.set(2, sum)
  }
}
