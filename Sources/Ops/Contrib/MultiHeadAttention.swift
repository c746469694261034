import ONNXFormat
import ONNXOperators

/// Attention of heads whose queries, keys and values are given, `[batch, length, heads · size]`.
///
/// One bias holds those of queries, keys and values. Keys and values may instead be
/// `[batch, heads, length, size]`, packed as `[batch, length, heads, 2, size]`, or all three as
/// `[batch, length, heads, 3, size]`.
struct MultiHeadAttention: FunctionOperator {
  static let schema = Schema(
    "MultiHeadAttention", domain: ContribOperators.domain,
    [1: [.float32, .float16, .bfloat16]], inputs: 1...10, outputs: 1...4)
  static let needsTypes = true
  let heads: Int
  let scale: Float
  let filter: Float
  let isCausal: Bool

  init(_ node: inout NodeReader) throws(OperatorError) {
    heads = try node.headCount("num_heads")
    scale = try node.float("scale", default: 0)
    filter = try node.float("mask_filter_value", default: -10000)
    isCausal = try node.flag("unidirectional")
  }

  func body(_ function: inout FunctionBuilder) throws(OperatorError) {
    guard !function.has(8), !function.has(9) else {
      throw .input(
        function.has(8) ? 8 : 9, "is for buffers that past and present share: leave it out")
    }
    var (query, key, value) = try parts(&function)
    let hasHeads = function.shape(1)?.rank == 4
    try addBias(&function, &query, &key, &value)
    let queries = function.size(of: query, axis: 1)
    let batch = function.size(of: query, axis: 0)
    if hasHeads { query = function.heads(query, heads) }
    var keys = function.size(of: key, axis: hasHeads ? 2 : 1)
    var past: String?
    if function.has(6) {
      let length = function.size(of: function.input(6), axis: 2)
      past = length
      keys = function.node("Add", [length, keys])
    }
    var mask = try KeyMask(
      input: 4, type: function.elementType(0) ?? .float32, filter: filter, isCausal: isCausal,
      batch: batch, queries: queries, keys: keys,
      past: past
    ).build(&function)
    if function.has(5) {
      let bias = function.input(5)
      mask = mask.map { function.node("Add", [bias, $0]) } ?? bias
    }
    var attributes: [Attribute] = [.int("qk_matmul_output_mode", 2)]
    if !hasHeads {
      attributes += [.int("q_num_heads", heads), .int("kv_num_heads", heads)]
    }
    if scale != 0 { attributes.append(.float("scale", scale)) }
    let results = function.builder.nodes(
      "Attention", [query, key, value, mask ?? "", function.input(6), function.input(7)],
      attributes, outputs: ["result", "present_key", "present_value", "scores"], operatorSet: 24)
    function.set(0, hasHeads ? function.packed(results[0]) : results[0])
    for index in 1...3 { function.set(index, results[index]) }
  }

  /// Queries, keys and values, packed unless keys and values have an axis of heads.
  private func parts(
    _ function: inout FunctionBuilder
  ) throws(OperatorError) -> (String, String, String) {
    let query = function.input(0)
    let rank = function.shape(0)?.rank ?? 0
    func unpack(_ input: Int, _ count: Int) throws(OperatorError) -> [String] {
      guard let shape = function.shape(input), shape[3].size ?? count == count,
        shape[2].size ?? heads == heads
      else {
        throw .input(
          input,
          "expected shape [batch, length, \(heads), \(count), size], got "
            + "\(function.shape(input)?.description ?? "an unknown one")")
      }
      return function.split(function.input(input), axis: 3, into: count).map {
        function.reshape(function.squeeze($0, [3]), [0, 0, -1])
      }
    }
    guard function.has(1) else {
      guard rank == 5 else {
        throw .input(1, "is missing: only a query of rank 5 holds keys and values too")
      }
      guard !function.has(2) else { throw .input(2, "needs a key too") }
      let parts = try unpack(0, 3)
      return (parts[0], parts[1], parts[2])
    }
    guard rank == 3 else { throw .input(0, "expected rank 3 beside a key, got rank \(rank)") }
    let keyRank = function.shape(1)?.rank ?? 0
    if keyRank == 5 {
      guard !function.has(2) else { throw .input(2, "must be left out: the key holds it too") }
      let parts = try unpack(1, 2)
      return (query, parts[0], parts[1])
    }
    guard keyRank == 3 || keyRank == 4 else {
      throw .input(1, "expected rank 3, 4 or 5, got rank \(keyRank)")
    }
    guard function.has(2) else { throw .input(2, "is missing") }
    guard function.shape(2)?.rank == keyRank else {
      throw .input(2, "expected the rank of the key, \(keyRank)")
    }
    return (query, function.input(1), function.input(2))
  }

  /// Adds the parts of the bias. Keys and values with an axis of heads have theirs already.
  private func addBias(
    _ function: inout FunctionBuilder, _ query: inout String, _ key: inout String,
    _ value: inout String
  ) throws(OperatorError) {
    guard function.has(3) else { return }
    guard let shape = function.shape(3), shape.rank == 1 else {
      throw .input(3, "expected rank 1")
    }
    let bias = function.input(3)
    let first = function.builder.integers([0])
    let query0 = function.shape(0)
    let width = query0?.rank == 3 ? query0?[2].size : nil
    if let width, let count = shape[0].size {
      let values = function.has(2) ? function.shape(2) : nil
      let rest = values?.rank == 3 ? values?[2].size : nil
      guard let total = [2, width].elementCount, count > total || count == 0 && width == 0,
        rest.map({ count - total == $0 }) ?? true
      else {
        throw .input(3, "expected the sum of the columns of query, key and value, got \(count)")
      }
    }
    let one = width.map { function.builder.integers([$0]) } ?? function.size(of: query, axis: 2)
    let two = function.node("Add", [one, one])
    func part(_ start: String, _ end: String) -> String {
      function.slice(bias, axis: 0, from: start, to: end)
    }
    query = function.node("Add", [query, part(first, one)])
    if function.shape(1)?.rank == 4 { return }
    key = function.node("Add", [key, part(one, two)])
    value = function.node(
      "Add", [value, part(two, function.builder.integers([Int(Int32.max)]))])
  }
}

extension NodeReader {
  /// Reads a number of heads.
  mutating func headCount(_ name: String) throws(OperatorError) -> Int {
    let count = try int(name)
    guard count > 0 else { throw .attribute(name, "expected a positive number, got \(count)") }
    return count
  }

  /// The numbers of heads of the query, and of key and value, which divides the former.
  mutating func groupedHeadCounts() throws(OperatorError) -> (query: Int, shared: Int) {
    let query = try headCount("num_heads")
    let shared = try headCount("kv_num_heads")
    guard query % shared == 0 else {
      throw .attribute(
        "kv_num_heads", "expected a divisor of the \(query) heads of the query, got \(shared)")
    }
    return (query, shared)
  }
}
