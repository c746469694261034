import ONNXFormat
import ONNXOperators

/// The storage of the keys and values of `GroupQueryAttention`: numbers of the type of the query, or
/// integers with scales for the tensor or each channel.
struct CacheFormat: Sendable {
  /// The kinds of scales of keys and values.
  let kinds: [String]
  let bits: Int

  init(_ node: inout NodeReader) throws(OperatorError) {
    let choices = ["NONE", "PER_TENSOR", "PER_CHANNEL"]
    kinds = [
      try node.choice("k_quant_type", default: "NONE", among: choices),
      try node.choice("v_quant_type", default: "NONE", among: choices),
    ]
    bits = try node.int("kv_cache_bit_width", default: 0)
    guard kinds.allSatisfy({ $0 == "NONE" }) else {
      throw .attribute(
        kinds[0] == "NONE" ? "v_quant_type" : "k_quant_type", "only NONE is supported")
    }
  }

  /// Writes new keys and values, `[batch, heads, length, size]`, behind the past ones.
  /// - Parameters:
  ///   - total: the number of rows that the cache has at least
  ///   - past: the number of past rows of each sequence
  /// - Returns: the caches as they are stored, and their values.
  func update(
    _ function: inout FunctionBuilder, key: String, value: String, total: String, past: String
  ) throws(OperatorError) -> (stored: [String], values: [String]) {
    var results: [String] = []
    for (x, input) in [(key, 3), (value, 4)] {
      results.append(update(&function, x, input: input, total: total, past: past))
    }
    return (results, results)
  }

  private func update(
    _ function: inout FunctionBuilder, _ x: String, input: Int, total: String, past: String
  ) -> String {
    let zeros = function.builder.integers([0, 0, 0, 0, 0, 0])
    let zero = function.builder.integers([0])
    func padded(_ x: String, by count: String) -> String {
      let pads = function.node("Concat", [zeros, count, zero], [.int("axis", 0)])
      return function.node("Pad", [x, pads])
    }
    guard function.has(input) else {
      let length = function.size(of: x, axis: 2)
      return padded(x, by: function.node("Sub", [total, length]))
    }
    // Rows that are not valid become 0.
    let given = function.input(input)
    let rows = function.size(of: given, axis: 2)
    let isPast = function.node(
      "Less",
      [function.unsqueeze(function.places(rows), [1]), function.unsqueeze(past, [1, 2, 3])])
    let kept = function.node("Where", [isPast, given, function.scalar(0, like: given)])
    let missing = function.node(
      "Max", [function.node("Sub", [total, rows]), zero])
    return function.node(
      "TensorScatter", [padded(kept, by: missing), x, past], version: 24)
  }
}
