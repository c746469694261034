import ONNXFormat
import ONNXOperators
import ONNXProducts

extension Attention {
  static var versionSteps: [VersionStep] {
    [
      .introduced(23) { change throws(OperatorError) in try change.expandAttention() },
      VersionStep(
        24,
        down: { change throws(OperatorError) in
          if change.has(6) { return try change.expandAttention() }
          change.node.inputs = Array(change.node.inputs.prefix(6))
        }),
      VersionStep(
        25,
        up: { change throws(OperatorError) in
          // Inputs of rank 4 have an axis of heads; since then the attributes are an error for them.
          if try change.rank(0) == 4 { change.drop("q_num_heads", "kv_num_heads") }
        },
        down: { change throws(OperatorError) in
          for name in ["left_window_size", "right_window_size"] {
            guard try change.int(name) ?? -1 < 0 else { return try change.expandAttention() }
          }
          change.drop("left_window_size", "right_window_size")
        }),
    ]
  }
}

extension VersionChange {
  /// Replaces an `Attention` by matrix products, a softmax and the operations of the mask.
  fileprivate mutating func expandAttention() throws(OperatorError) {
    let type = try elementType(0)
    let valueType = try elementType(2)
    let rank = try self.rank(0)
    guard rank == 3 || rank == 4 else { throw .input(0, "expected rank 3 or 4") }
    let query = try heads(input(0), "q_num_heads")
    var key = try heads(input(1), "kv_num_heads")
    var value = try heads(input(2), "kv_num_heads")
    let past = has(4) ? size(of: try input(4), axis: 2) : nil
    key = cached(key, past: has(4) ? try input(4) : nil, as: 1)
    value = cached(value, past: has(5) ? try input(5) : nil, as: 2)
    let present = key
    if let indices = try sharedHeads() {
      let list = integers(indices, "heads")
      key = emit("Gather", [key, list], [.int("axis", 1)])
      value = emit("Gather", [value, list], [.int("axis", 1)])
    }
    // Each factor is scaled by the square root, so that 16-bit products stay finite.
    let factor = try rootOfScale(query, type)
    let scaled = emit("Mul", [query, factor])
    let turned = emit("Mul", [transpose(key, [0, 1, 3, 2]), factor])
    let stage = try int("qk_matmul_output_mode") ?? 0
    var scores = emit("MatMul", [scaled, turned])
    var shown = scores
    if let cap = try float("softcap"), cap != 0 {
      let bound = try scalar(Double(cap), type, "softcap")
      scores = emit("Mul", [emit("Tanh", [emit("Div", [scores, bound])]), bound])
    }
    if stage == 1 { shown = scores }
    let visible = try visibleKeys(scores, queries: query, keys: present, past: past)
    scores = try masked(scores, visible, keys: present, type)
    if stage == 2 { shown = scores }
    let isMasked = has(3) || visible != nil
    var weights = try softmax(scores, type)
    if isMasked {
      // A query for which all keys are masked has the result 0.
      let least = try scalar(-.infinity, type, "none")
      let best = reduce("ReduceMax", scores, [-1])
      let isBlind = emit("Equal", [best, least])
      weights = emit("Where", [isBlind, try scalar(0, type, "zero"), weights])
    }
    if stage == 3 { shown = weights }
    if let output = output(3) { emit("Identity", [shown], as: output) }
    if valueType != type { value = emit("Cast", [value], [castTarget(type)]) }
    let result = emit("MatMul", [weights, value])
    if rank == 4 { return become("Identity", [result]) }
    let joined = transpose(result, [0, 2, 1, 3])
    become("Reshape", [joined, integers([0, 0, -1], "shape")])
  }

  /// An input in the layout `[batch, heads, length, head size]`.
  private mutating func heads(_ x: String, _ attribute: String) throws(OperatorError) -> String {
    guard let rank = shape(of: x)?.rank else { throw .unsupported("inputs of unknown rank") }
    if rank == 4 { return x }
    guard let count = try int(attribute), count > 0 else {
      throw .attribute(attribute, "expected a positive number for inputs of rank 3")
    }
    return transpose(reshape(x, [0, 0, count, -1]), [0, 2, 1, 3])
  }

  /// Past and new keys or values, which are also an output.
  private mutating func cached(_ x: String, past: String?, as index: Int) -> String {
    guard let past else {
      if let output = output(index) { emit("Identity", [x], as: output) }
      return x
    }
    return emit("Concat", [past, x], [.int("axis", 2)], as: output(index))
  }

  /// The head of the keys for each head of the queries; `nil` if there are as many.
  private func sharedHeads() throws(OperatorError) -> [Int]? {
    func count(_ input: Int, _ attribute: String) throws(OperatorError) -> Int? {
      if try rank(input) == 3 { return try int(attribute) }
      guard let shape = tensorType(input)?.shape, shape.rank == 4 else { return nil }
      return shape[1].size
    }
    guard let queries = try count(0, "q_num_heads"), let keys = try count(1, "kv_num_heads") else {
      throw .unsupported("an unknown number of heads")
    }
    if queries == keys { return nil }
    guard keys > 0, queries % keys == 0 else {
      throw .unsupported("\(queries) heads of queries with \(keys) heads of keys")
    }
    _ = try elementCount([queries])
    return (0..<queries).map { $0 / (queries / keys) }
  }

  /// The square root of the scale. The default scale is `1 / √(head size)`.
  private mutating func rootOfScale(
    _ query: String, _ type: ElementType
  ) throws(OperatorError) -> String {
    if let scale = try float("scale") {
      guard scale >= 0 else {
        throw .attribute(
          "scale", "is \(scale), but that version needs a scale that is not negative")
      }
      return try scalar(Double(scale).squareRoot(), type, "scale")
    }
    if let size = shape(of: query)?.last?.size {
      return try scalar(1 / Double(size).squareRoot().squareRoot(), type, "scale")
    }
    let size = emit("Cast", [size(of: query, axis: 3)], [castTarget(.float32)])
    let root = emit("Sqrt", [emit("Sqrt", [size])])
    return emit("Cast", [emit("Reciprocal", [root])], [castTarget(type)])
  }

  /// Whether each query attends to each key by their positions, in a shape that broadcasts to the scores;
  /// `nil` if all do.
  private mutating func visibleKeys(
    _ scores: String, queries: String, keys: String, past: String?
  ) throws(OperatorError) -> String? {
    let isCausal = try int("is_causal") == 1
    let left = try int("left_window_size") ?? -1
    let right = try int("right_window_size") ?? -1
    guard isCausal || left >= 0 || right >= 0 || has(6) else { return nil }
    let columns = places(size(of: keys, axis: 2))
    let count = size(of: queries, axis: 2)
    var rows = unsqueeze(places(count), [1])
    var conditions: [String] = []
    if has(6) {
      let valid = reshape(try input(6), [-1, 1, 1, 1])
      conditions.append(emit("Less", [columns, valid]))
      rows = emit("Add", [rows, emit("Sub", [valid, count])])
    } else if let past {
      rows = emit("Add", [rows, past])
    }
    if isCausal { conditions.append(emit("LessOrEqual", [columns, rows])) }
    if left >= 0 {
      let first = emit("Sub", [rows, integer(left, "left")])
      conditions.append(emit("GreaterOrEqual", [columns, first]))
    }
    if right >= 0 {
      let last = emit("Add", [rows, integer(right, "right")])
      conditions.append(emit("LessOrEqual", [columns, last]))
    }
    var result = conditions[0]
    for condition in conditions.dropFirst() { result = emit("And", [result, condition]) }
    return result
  }

  /// The scores with −∞ for masked keys, or with the numbers of the mask added.
  private mutating func masked(
    _ scores: String, _ visible: String?, keys: String, _ type: ElementType
  ) throws(OperatorError) -> String {
    let least = try scalar(-.infinity, type, "hidden")
    guard has(3) else {
      return visible.map { emit("Where", [$0, scores, least]) } ?? scores
    }
    var mask = try input(3)
    let maskType = try elementType(3)
    var scores = scores
    var conditions = visible.map { [$0] } ?? []
    if maskType == .bool {
      mask = try padded(mask, like: keys, .bool)
      conditions.append(mask)
    } else {
      if maskType != type { mask = emit("Cast", [mask], [castTarget(type)]) }
      mask = try padded(mask, like: keys, type)
      scores = emit("Add", [scores, mask])
      conditions.append(emit("Not", [emit("Equal", [mask, least])]))
    }
    var seen = conditions[0]
    for condition in conditions.dropFirst() { seen = emit("And", [seen, condition]) }
    return emit("Where", [seen, scores, least])
  }

  /// A mask extended so that keys beyond its width are masked.
  private mutating func padded(
    _ mask: String, like keys: String, _ type: ElementType
  ) throws(OperatorError) -> String {
    guard let shape = shape(of: mask), let width = shape.last?.size,
      let space = self.shape(of: keys), space.rank == 4, let count = space[2].size, width < count
    else { return mask }
    guard var sizes = shape.sizes else { throw .input(3, "the shape must be known") }
    sizes[sizes.count - 1] = count - width
    let hidden =
      try type == .bool
      ? constant(Tensor(false), "hidden") : scalar(-.infinity, type, "hidden")
    let rest = try broadcast(hidden, to: sizes)
    return emit("Concat", [mask, rest], [.int("axis", sizes.count - 1)])
  }

  private mutating func softmax(
    _ scores: String, _ type: ElementType
  ) throws(OperatorError) -> String {
    let precision = try int("softmax_precision").flatMap {
      ElementType(rawValue: Int32(clamping: $0))
    }
    guard let precision, precision != type else {
      return emit("Softmax", [scores], [.int("axis", -1)])
    }
    let wide = emit("Cast", [scores], [castTarget(precision)])
    return emit("Cast", [emit("Softmax", [wide], [.int("axis", -1)])], [castTarget(type)])
  }
}
