import ONNXFormat
import ONNXOperators

/// Causal attention with a cache, where adjacent heads of the query share one of key and value.
///
/// Query, key and value are `[batch, length, heads · size]`, or one tensor holds all three side by side.
/// The cache is `[batch, heads, keys, size]`; its first rows are valid, for each sequence as many as
/// `seqlens_k` + 1 after the new ones are written behind the past ones.
struct GroupQueryAttention: FunctionOperator {
  static let schema = Schema(
    "GroupQueryAttention", domain: ContribOperators.domain,
    [1: [.float32, .float16, .bfloat16]], inputs: 7...16, outputs: 1...4)
  static let needsTypes = true
  let queryHeads: Int
  let heads: Int
  let scale: Float
  let softcap: Float
  let isCausal: Bool
  /// The number of keys that a query attends to, its own among them; `nil` for no limit.
  let window: Int?
  let isRotated: Bool
  let isInterleaved: Bool
  let isSmooth: Bool
  let epsilon: Float
  let shownStage: Int
  let cache: CacheFormat

  init(_ node: inout NodeReader) throws(OperatorError) {
    (queryHeads, heads) = try node.groupedHeadCounts()
    scale = try node.float("scale", default: 0)
    softcap = try node.float("softcap", default: 0)
    isCausal = try node.flag("causal", default: true)
    let window = try node.int("local_window_size", default: -1)
    self.window = window < 0 ? nil : window
    guard window == -1 || window > 0 && isCausal else {
      throw .attribute(
        "local_window_size", "expected -1, or a positive size where causal is 1, got \(window)")
    }
    isRotated = try node.flag("do_rotary")
    isInterleaved = try node.flag("rotary_interleaved")
    isSmooth = try node.int("smooth_softmax", default: 0) == 1
    epsilon = try node.float("qk_norm_epsilon", default: 1e-6)
    shownStage = try node.int("qk_output", default: 0)
    guard (0...2).contains(shownStage) else {
      throw .attribute("qk_output", "expected 0, 1 or 2, got \(shownStage)")
    }
    guard try !node.flag("sliding_window_cache") else {
      throw .attribute("sliding_window_cache", "is not supported: use a cache of full length")
    }
    cache = try CacheFormat(&node)
  }

  func inferWithoutRanks(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let type = try inputs.tensor(0).elementType
    let stored = inputs.has(3) ? try inputs.tensor(3).elementType : type
    return [.tensor(type, nil), .tensor(stored, nil), .tensor(stored, nil), .tensor(type, nil)]
  }

  func body(_ function: inout FunctionBuilder) throws(OperatorError) {
    guard function.has(3) == function.has(4) else {
      throw .input(function.has(3) ? 4 : 3, "is missing: past keys and values go together")
    }
    var (query, key, value) = try function.groupedHeads(queryHeads, heads)
    let length = function.size(of: function.input(0), axis: 1)
    let total = function.integers(input: 6)
    let totals = function.node(
      "Add", [function.integers(input: 5), function.builder.integers([1])])
    // A prompt begins the cache, even if it is padded; otherwise the new keys are the last ones.
    let isPrompt = function.node("Equal", [length, total])
    let past = function.node(
      "Where", [isPrompt, function.builder.integers([0]), function.node("Sub", [totals, length])])
    let places = function.node(
      "Add", [function.unsqueeze(past, [1]), function.places(length)])

    if function.has(14) || function.has(15) {
      guard function.has(14), function.has(15) else {
        throw .input(function.has(14) ? 15 : 14, "is missing: both weights of norms go together")
      }
      query = norm(query, 14, &function)
      key = norm(key, 15, &function)
    }
    if isRotated {
      let table = try rotation(&function, places, isPrompt)
      let pairs = function.shape(7)?[1].size
      query = function.rotated(query, table, pairs: pairs, isInterleaved)
      key = function.rotated(key, table, pairs: pairs, isInterleaved)
    }
    let caches = try cache.update(
      &function, key: key, value: value, total: total, past: past)
    function.set(1, caches.stored[0])
    function.set(2, caches.stored[1])
    (key, value) = (caches.values[0], caches.values[1])

    // Scores are computed in float32, as onnxruntime does.
    let isHalf = function.elementType(0) != .float32
    func widen(_ x: String) -> String {
      isHalf && !x.isEmpty
        ? function.node("Cast", [x], [.int("to", Int(ElementType.float32.rawValue))]) : x
    }
    let valid = isCausal ? function.node("Add", [past, length]) : totals
    var bias = widen(function.input(10))
    var attributes: [Attribute] = [
      .int("qk_matmul_output_mode", shownStage == 2 ? 3 : 2), .float("softcap", softcap),
    ]
    if scale != 0 { attributes.append(.float("scale", scale)) }
    (query, key, value) = (widen(query), widen(key), widen(value))
    var lengths = ""
    if isSmooth || function.has(11) {
      let sink = widen(function.input(11))
      (key, value, bias) = addSink(
        &function, sink, key: key, value: value, bias: bias, valid: valid, total: total,
        places: places)
    } else {
      lengths = valid
      if isCausal { attributes.append(.int("is_causal", 1)) }
      if let window { attributes.append(.int("left_window_size", window - 1)) }
    }
    let results = function.builder.nodes(
      "Attention", [query, key, value, bias, "", "", lengths], attributes,
      outputs: ["result", "", "", "scores"], operatorSet: 25)
    var result = function.packed(results[0])
    // Hidden keys have a score of 0.
    var scores = function.slice(
      results[3], axis: 3, from: function.builder.integers([0]), to: total)
    if shownStage == 1 {
      let isHidden = function.node("IsInf", [scores])
      scores = function.node("Where", [isHidden, function.builder.scalar(0, .float32), scores])
    }
    if isHalf {
      result = function.node("CastLike", [result, function.input(0)])
      scores = function.node("CastLike", [scores, function.input(0)])
    }
    function.set(0, result)
    if shownStage > 0 { function.set(3, scores) }
  }

  private func norm(_ x: String, _ weight: Int, _ function: inout FunctionBuilder) -> String {
    function.node(
      "RMSNormalization", [x, function.input(weight)],
      [.int("axis", -1), .float("epsilon", epsilon)], version: 23)
  }

  /// The tables of cosines and sines, and the positions of the new tokens.
  private func rotation(
    _ function: inout FunctionBuilder, _ places: String, _ isPrompt: String
  ) throws(OperatorError) -> [String] {
    for index in 7...8 where function.shape(index)?.rank != 2 {
      throw .input(index, function.has(index) ? "expected rank 2" : "is missing: do_rotary is 1")
    }
    var positions = places
    if function.has(9) {
      // The positions of a prompt follow from the first one.
      let given = function.input(9)
      let zero = function.builder.integers([0])
      let first = function.slice(
        function.reshape(given, [-1]), axis: 0, from: zero, to: function.builder.integers([1]))
      positions = function.node(
        "Where", [isPrompt, function.node("Add", [places, first]), given])
    }
    return [function.input(7), function.input(8), positions]
  }

  /// Keys and values with one more key, whose score is that of the sink of the head or 0 and whose value
  /// is 0, and the numbers to add to the scores.
  private func addSink(
    _ function: inout FunctionBuilder, _ sink: String, key: String, value: String, bias: String,
    valid: String, total: String, places: String
  ) -> (key: String, value: String, bias: String) {
    let first = function.builder.integers([0])
    let columns = function.places(total)
    let none = function.builder.scalar(-.infinity, .float32)
    let zero = function.builder.scalar(0, .float32)
    // [batch, 1, 1, 1] and [batch, 1, queries, 1] against [keys]
    let ends = function.unsqueeze(valid, [1, 2, 3])
    var visible = function.node("Less", [columns, ends])
    if isCausal {
      let rows = function.unsqueeze(places, [1, 3])
      visible = function.node("And", [visible, function.node("LessOrEqual", [columns, rows])])
      if let window {
        let low = function.node("Sub", [rows, function.builder.integers([window])])
        visible = function.node("And", [visible, function.node("Greater", [columns, low])])
      }
    }
    let numbers = function.node("Where", [visible, bias.isEmpty ? zero : bias, none])
    let shape = function.node(
      "Concat",
      [
        function.size(of: function.input(0), axis: 0), function.builder.integers([queryHeads]),
        function.size(of: function.input(0), axis: 1),
      ], [.int("axis", 0)])
    let whole = function.node(
      "Expand",
      [numbers, function.node("Concat", [shape, total], [.int("axis", 0)])])
    let last = function.node(
      "Expand",
      [
        sink.isEmpty ? zero : function.reshape(sink, [1, queryHeads, 1, 1]),
        function.node("Concat", [shape, function.builder.integers([1])], [.int("axis", 0)]),
      ])
    func extended(_ x: String) -> String {
      let seen = function.slice(x, axis: 2, from: first, to: total)
      // One row of zeros behind the last key.
      let pads = function.builder.integers([0, 0, 0, 0, 0, 0, 1, 0])
      return function.node("Pad", [seen, pads])
    }
    return (
      extended(key), extended(value),
      function.node("Concat", [whole, last], [.int("axis", 3)])
    )
  }
}
