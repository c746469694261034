import ONNXFormat
import ONNXOperators

/// Causal attention with a cache, where each query attends only to some blocks of keys.
///
/// The blocks of each layout are the columns `block_col_indices` of the rows that
/// `block_row_indices` delimits; heads of the query take the layouts in turn.
struct SparseAttention: FunctionOperator {
  static let schema = Schema(
    "SparseAttention", domain: ContribOperators.domain, [1: [.float32, .float16, .bfloat16]],
    inputs: 9...11, outputs: 1...3)
  static let needsTypes = true
  let queryHeads: Int
  let heads: Int
  let scale: Float
  let isRotated: Bool
  let isInterleaved: Bool
  let block: Int

  init(_ node: inout NodeReader) throws(OperatorError) {
    (queryHeads, heads) = try node.groupedHeadCounts()
    scale = try node.float("scale", default: 0)
    isRotated = try node.flag("do_rotary")
    isInterleaved = try node.flag("rotary_interleaved")
    block = try node.headCount("sparse_block_size")
  }

  func body(_ function: inout FunctionBuilder) throws(OperatorError) {
    var (query, key, value) = try function.groupedHeads(queryHeads, heads)
    let length = function.size(of: function.input(0), axis: 1)
    let total = function.integers(input: 7)
    let isPrompt = function.node("Equal", [length, total])
    let past = function.node(
      "Where",
      [
        isPrompt, function.builder.integers([0]),
        function.node("Sub", [function.integers(input: 8), length]),
      ])
    let places = function.node(
      "Add", [function.unsqueeze(past, [1]), function.places(length)])
    if isRotated {
      for index in 9...10 where function.shape(index)?.rank != 2 {
        throw .input(index, function.has(index) ? "expected rank 2" : "is missing: do_rotary is 1")
      }
      let table = [function.input(9), function.input(10), places]
      let pairs = function.shape(9)?[1].size
      query = function.rotated(query, table, pairs: pairs, isInterleaved)
      key = function.rotated(key, table, pairs: pairs, isInterleaved)
    }
    let caches = try CacheFormat().update(
      &function, key: key, value: value, total: total, past: past)
    function.set(1, caches.stored[0])
    function.set(2, caches.stored[1])
    let first = function.builder.integers([0])
    key = function.slice(caches.values[0], axis: 2, from: first, to: total)
    value = function.slice(caches.values[1], axis: 2, from: first, to: total)
    let mask = try mask(&function, places: places, total: total)
    let isHalf = function.elementType(0) != .float32
    func widen(_ x: String) -> String { function.builder.cast(x, to: .float32) }
    if isHalf { (query, key, value) = (widen(query), widen(key), widen(value)) }
    let result = function.builder.node(
      "Attention", [query, key, value, mask], scale == 0 ? [] : [.float("scale", scale)],
      operatorSet: 24)
    let packed = function.packed(result)
    function.set(0, isHalf ? function.node("CastLike", [packed, function.input(0)]) : packed)
  }

  /// Whether each query attends to each key, `[batch, heads, queries, keys]`.
  private func mask(
    _ function: inout FunctionBuilder, places: String, total: String
  ) throws(OperatorError) -> String {
    guard let rows = function.shape(5), rows.rank == 2, let layouts = rows[0].size, layouts > 0,
      queryHeads % layouts == 0
    else {
      throw .input(
        5,
        "expected a known number of layouts that divides the \(queryHeads) heads, got shape "
          + "\(function.shape(5)?.description ?? "unknown")")
    }
    guard function.shape(6)?.rank == 2 else { throw .input(6, "expected rank 2") }
    let starts = function.builder.cast(function.input(5), to: .int64)
    let columns = function.builder.cast(function.input(6), to: .int64)
    let zero = function.builder.integers([0])
    let one = function.builder.integers([1])
    let blocks = function.node(
      "Sub", [function.size(of: function.input(5), axis: 1), one])
    // Whether block n belongs to a row, [layouts, rows, n], and to a column, [layouts, n, columns].
    let numbers = function.places(function.size(of: function.input(6), axis: 1))
    func bound(_ from: String, _ to: String) -> String {
      function.unsqueeze(function.slice(starts, axis: 1, from: from, to: to), [2])
    }
    let last = function.node("Add", [blocks, one])
    let ofRow = function.node(
      "And",
      [
        function.node("GreaterOrEqual", [numbers, bound(zero, blocks)]),
        function.node("Less", [numbers, bound(one, last)]),
      ])
    let ofColumn = function.node(
      "Equal", [function.unsqueeze(columns, [2]), function.places(blocks)])
    let counts = function.builder.matMul(
      function.builder.cast(ofRow, to: .float32), function.builder.cast(ofColumn, to: .float32))
    let dense = function.node("Greater", [counts, function.builder.scalar(0, .float32)])
    // [layouts, batch, queries, keys]
    let size = function.builder.constant(Tensor(Int64(block)))
    let keys = function.places(total)
    let wide = function.node(
      "Gather", [dense, function.node("Div", [keys, size])], [.int("axis", 2)])
    let whole = function.node(
      "Gather", [wide, function.node("Div", [places, size])], [.int("axis", 1)])
    let ordered = function.builder.transpose(whole, [1, 0, 2, 3])
    let causal = function.node(
      "LessOrEqual", [keys, function.unsqueeze(places, [1, 3])])
    let seen = function.node("And", [ordered, causal])
    return function.node(
      "Tile", [seen, function.builder.integers([1, queryHeads / layouts, 1, 1])])
  }
}
