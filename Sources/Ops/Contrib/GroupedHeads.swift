import ONNXFormat
import ONNXOperators

/// Nodes that attention operators with a cache share.
extension FunctionBuilder {
  /// Queries, keys and values of inputs 0 to 2 as `[batch, heads, length, size]`; one input may hold all
  /// three side by side.
  mutating func groupedHeads(
    _ queryHeads: Int, _ heads: Int
  ) throws(OperatorError) -> (query: String, key: String, value: String) {
    guard shape(0)?.rank == 3 else { throw .input(0, "expected rank 3") }
    guard has(1) == has(2) else {
      throw .input(has(1) ? 2 : 1, "is missing: key and value go together")
    }
    if has(1) {
      for index in 1...2 where shape(index)?.rank != 3 { throw .input(index, "expected rank 3") }
      return (
        self.heads(input(0), queryHeads), self.heads(input(1), heads), self.heads(input(2), heads)
      )
    }
    let counts = [queryHeads, heads, heads]
    let count = counts.reduce(0) { Int.total($0, $1) }
    if let width = shape(0)?[2].size, width % count != 0 {
      throw .input(0, "\(width) columns are not divisible by \(count) heads")
    }
    let parts = builder.nodes(
      "Split", [self.heads(input(0), count), builder.integers(counts)], [.int("axis", 1)],
      outputs: ["query", "key", "value"])
    return (parts[0], parts[1], parts[2])
  }

  /// The heads `x` rotated by tables of cosines and sines at positions.
  /// - Parameter pairs: the number of columns of the tables; `nil` if unknown
  mutating func rotated(
    _ x: String, _ table: [String], pairs: Int?, _ isInterleaved: Bool
  ) -> String {
    var attributes: [Attribute] = isInterleaved ? [.int("interleaved", 1)] : []
    if let pairs, pairs < 1 << 30 {
      attributes.append(.int("rotary_embedding_dim", 2 * pairs))
    }
    return node("RotaryEmbedding", [x] + table, attributes, version: 23)
  }

  /// An integer input as an int64 tensor of rank 1.
  mutating func integers(input index: Int) -> String {
    reshape(builder.cast(input(index), to: .int64), [-1])
  }
}
