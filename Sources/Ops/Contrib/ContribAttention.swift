import ONNXFormat
import ONNXOperators

/// `Attention` of `com.microsoft`: attention of heads whose queries, keys and values are projections
/// `x · W + b` of one input `[batch, length, columns]`.
///
/// `W` holds the projections of queries, keys and values side by side. Past and present hold keys,
/// then values: `[2, batch, heads, length, size]`.
struct ContribAttention: FunctionOperator {
  static let schema = Schema(
    "Attention", domain: ContribOperators.domain, [1: [.float32, .float16, .bfloat16]],
    inputs: 2...7, outputs: 1...2)
  static let needsTypes = true
  let heads: HeadProjection

  init(_ node: inout NodeReader) throws(OperatorError) {
    heads = try HeadProjection(&node)
  }

  func body(_ function: inout FunctionBuilder) throws(OperatorError) {
    guard let weights = function.shape(1), weights.rank == 2 else {
      throw .input(1, "expected rank 2")
    }
    if function.has(2), let bias = function.shape(2),
      bias.rank != 1
        || bias[0].size != weights[1].size && bias[0].size != nil
          && weights[1].size != nil
    {
      throw .input(2, "expected a number for each column of the weights, got shape \(bias)")
    }
    var projected = function.node("MatMul", [function.input(0), function.input(1)])
    if function.has(2) { projected = function.node("Add", [projected, function.input(2)]) }
    guard !function.has(6) else {
      throw .input(6, "is for buffers that past and present share: leave it out")
    }
    try heads.attend(
      &function, projected, function.elementType(0) ?? .float32, columns: weights[1].size, mask: 3,
      past: 4, bias: 5)
  }
}

/// The attributes that `Attention` and `QAttention` of `com.microsoft` share, and the attention that
/// follows the projection.
struct HeadProjection: Sendable {
  let count: Int
  let scale: Float
  let filter: Float
  let isCausal: Bool
  let sizes: [Int]
  let isRotated: Bool
  let rotaryWidth: Int

  init(_ node: inout NodeReader) throws(OperatorError) {
    count = try node.headCount("num_heads")
    scale = try node.float("scale", default: 0)
    filter = try node.float("mask_filter_value", default: -10000)
    isCausal = try node.flag("unidirectional")
    sizes = try node.optionalInts("qkv_hidden_sizes") ?? []
    isRotated = try node.flag("do_rotary")
    rotaryWidth = try node.int("rotary_embedding_dim", default: 0)
    guard sizes.isEmpty || sizes.count == 3 && sizes[0] == sizes[1] && sizes.allSatisfy({ $0 > 0 })
    else {
      throw .attribute(
        "qkv_hidden_sizes", "expected three positive sizes, the first two equal, got \(sizes)")
    }
    for size in sizes where size % count != 0 {
      throw .attribute("qkv_hidden_sizes", "\(size) is not divisible by \(count) heads")
    }
    guard try !node.flag("past_present_share_buffer") else {
      throw .attribute("past_present_share_buffer", "must be 0: past and present are values")
    }
    guard !isRotated else {
      throw .attribute("do_rotary", "is not supported: use RotaryEmbedding and MultiHeadAttention")
    }
  }

  /// Adds the attention of heads whose queries, keys and values are side by side in `projected`, and sets
  /// output 0 and the present state.
  /// - Parameters:
  ///   - columns: the number of columns of `projected`, if known
  ///   - mask: the input that holds the mask; `past` and `bias` likewise, `nil` if there is none
  func attend(
    _ function: inout FunctionBuilder, _ projected: String, _ type: ElementType, columns: Int?,
    mask: Int, past: Int,
    bias: Int?
  ) throws(OperatorError) {
    guard function.shape(0)?.rank == 3 else { throw .input(0, "expected rank 3") }
    let parts: [String]
    if sizes.isEmpty {
      if let columns, columns % 3 != 0 || columns / 3 % count != 0 {
        throw .input(1, "\(columns) columns are not divisible by three times \(count) heads")
      }
      parts = function.split(projected, axis: 2, into: 3)
    } else {
      let total = sizes.reduce(0) { Int.total($0, $1) }
      if let columns, columns != total {
        throw .input(1, "expected \(total) columns, the sum of qkv_hidden_sizes, got \(columns)")
      }
      parts = function.builder.nodes(
        "Split", [projected, function.builder.integers(sizes)], [.int("axis", 2)],
        outputs: ["query", "key", "value"])
    }
    let length = function.size(of: function.input(0), axis: 1)
    var keys = length
    var states = ["", ""]
    var pastKeys: String?
    if function.has(past) {
      guard let shape = function.shape(past), shape.rank == 5, shape[0].size ?? 2 == 2 else {
        throw .input(past, "expected shape [2, batch, heads, length, size]")
      }
      let before = function.size(of: function.input(past), axis: 3)
      pastKeys = before
      keys = function.node("Add", [before, length])
      states = function.split(function.input(past), axis: 0, into: 2).map {
        function.squeeze($0, [0])
      }
    }
    // Queries and keys are as many, so that the order of positions alone hides keys.
    let isPadded = function.has(mask)
    var shift =
      try isPadded
      ? KeyMask(
        input: mask, type: type, filter: filter, isCausal: isCausal,
        batch: function.size(of: function.input(0), axis: 0), queries: length, keys: keys,
        past: pastKeys
      ).build(&function) : nil
    if let bias, function.has(bias) {
      let given = function.input(bias)
      shift = shift.map { function.node("Add", [given, $0]) } ?? given
    }
    var attributes: [Attribute] = [.int("q_num_heads", count), .int("kv_num_heads", count)]
    if scale != 0 { attributes.append(.float("scale", scale)) }
    if isCausal && !isPadded { attributes.append(.int("is_causal", 1)) }
    let results = function.builder.nodes(
      "Attention", parts + [shift ?? "", states[0], states[1]], attributes,
      outputs: ["result", "present_key", "present_value"], operatorSet: 24)
    function.set(0, results[0])
    // Keys and values of different sizes do not fit into one present state.
    guard sizes.isEmpty || sizes[0] == sizes[2] else { return }
    let present = results[1...].map { function.unsqueeze($0, [0]) }
    function.set(1, function.node("Concat", present, [.int("axis", 0)]))
  }
}
