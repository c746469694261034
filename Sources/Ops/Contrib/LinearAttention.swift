import ONNXFormat
import ONNXOperators

/// `LinearAttention` of `com.microsoft`: the standard's, besides that key and value may have more heads
/// than the query.
struct LinearAttention: FunctionOperator {
  static let schema = Schema(
    "LinearAttention", domain: ContribOperators.domain, [1: [.float32, .float16, .bfloat16]],
    inputs: 3...6, outputs: 1...2)
  let queryHeads: Int
  let heads: Int
  let scale: Float
  let rule: String

  init(_ node: inout NodeReader) throws(OperatorError) {
    queryHeads = try node.headCount("q_num_heads")
    heads = try node.headCount("kv_num_heads")
    guard queryHeads % heads == 0 || heads % queryHeads == 0, max(queryHeads, heads) <= 1 << 16
    else {
      throw .attribute(
        "kv_num_heads", "expected a divisor or multiple of \(queryHeads), got \(heads)")
    }
    scale = try node.float("scale", default: 0)
    rule = try node.choice(
      "update_rule", default: "gated_delta", among: ["linear", "gated", "delta", "gated_delta"])
    _ = try node.optionalInt("chunk_size")
    guard try node.int("state_window", default: 0) == 0 else {
      throw .attribute("state_window", "only 0 is supported: the state after the last token")
    }
  }

  func body(_ function: inout FunctionBuilder) throws(OperatorError) {
    var query = function.input(0)
    if heads > queryHeads {
      let places = (0..<heads).map { $0 / (heads / queryHeads) }
      let repeated = function.node(
        "Gather",
        [function.reshape(query, [0, 0, queryHeads, -1]), function.builder.integers(places)],
        [.int("axis", 2)])
      query = function.reshape(repeated, [0, 0, -1])
    }
    let decays = rule.hasPrefix("gated")
    let corrects = rule.hasSuffix("delta")
    let results = function.builder.nodes(
      "LinearAttention",
      [
        query, function.input(1), function.input(2), function.input(3),
        decays ? function.input(4) : "", corrects ? function.input(5) : "",
      ],
      [
        .int("q_num_heads", max(queryHeads, heads)), .int("kv_num_heads", heads),
        .float("scale", scale), .string("update_rule", rule),
      ], outputs: ["result", "state"], operatorSet: 27)
    function.set(0, results[0])
    function.set(1, results[1])
  }
}
