import ONNXFormat
import ONNXOperators

/// The sum of the word, position and segment embeddings of tokens, normalised, from 8-bit tables.
///
/// The inputs are the ids of words and optionally of segments `[N, S]`, the tables of words, positions
/// and segments `[…, H]`, gamma and beta `[H]`, and a mask `[N, S]`, then the scales of the tables, gamma
/// and beta, and their zero points. The outputs are the result `[N, S, H]` and the number of ones in each
/// row of the mask, 0 without one.
struct QEmbedLayerNormalization: FunctionOperator {
  static let schema = Schema(
    "QEmbedLayerNormalization", domain: ContribOperators.domain, [1: .int32], inputs: 18...18,
    outputs: 1...2)
  let epsilon: Float

  init(_ node: inout NodeReader) throws(OperatorError) {
    epsilon = try node.float("epsilon", default: 1e-12)
  }

  func body(_ function: inout FunctionBuilder) throws(OperatorError) {
    let ids = function.input(0)
    let shape = function.builder.shape(of: ids)
    let zero = function.builder.constant(Tensor(Int64(0)))
    let one = function.builder.constant(Tensor(Int64(1)))
    let length = function.node("Gather", [shape, one])
    let places = function.node("Range", [zero, length, one])
    /// The dequantised rows of a table.
    func rows(_ table: Int, _ indices: String, scale: Int, zero: Int) -> String {
      let rows = function.node("Gather", [function.input(table), indices])
      return function.dequantized(rows, scale: scale, zero: zero)
    }
    var sum = function.builder.add(
      rows(2, ids, scale: 8, zero: 13), rows(3, places, scale: 9, zero: 14))
    let segment = [1, 4, 10, 15].map { function.has($0) }
    guard segment.allSatisfy({ $0 == segment[0] }) else {
      throw .input(1, "ids of segments need their table, its scale and its zero point")
    }
    if segment[0] {
      sum = function.builder.add(sum, rows(4, function.input(1), scale: 10, zero: 15))
    }
    let gamma = function.dequantized(5, scale: 11, zero: 16)
    let beta = function.dequantized(6, scale: 12, zero: 17)
    function.set(
      0, function.node("LayerNormalization", [sum, gamma, beta], [.float("epsilon", epsilon)]))
    if function.has(7) {
      let mark = function.node("CastLike", [one, function.input(7)])
      let ones = function.builder.cast(
        function.node("Equal", [function.input(7), mark]), to: .int32)
      function.set(1, function.builder.reduceSum(ones, axes: [1], keepAxes: false))
    } else {
      let first = function.builder.integers([0])
      let batch = function.node("Gather", [shape, first])
      let none = Tensor(shape: [1], [0 as Int32])
      function.set(1, function.node("ConstantOfShape", [batch], [.tensor("value", none)]))
    }
  }
}
