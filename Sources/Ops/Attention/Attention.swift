import ONNXFormat
import ONNXOperators
import ONNXProducts

/// Scaled dot-product attention `y = softmax(cap(scale · Q · Kᵀ) + mask) · V` for each head of
/// `[batch, heads, length, head size]` or, packed, `[batch, length, heads · head size]`.
///
/// Key and value may have fewer heads than the query; adjacent heads of the query then share one. Past
/// keys and values are prepended to the new ones. The last output is the scores at the stage that
/// `qk_matmul_output_mode` selects: raw, capped, masked, or after softmax.
struct Attention: Operator {
  static let schema = Schema(
    "Attention",
    [
      23: [.floats, .bfloat16], 24: [.floats, .bfloat16], 25: [.floats, .bfloat16],
    ], inputs: 3...7, outputs: 1...4)
  let queryHeads: Int?
  let heads: Int?
  let scale: Float?
  let softcap: Float
  let precision: ElementType?
  let shownStage: Int
  let window: AttentionWindow
  private let forbidsHeads: Bool

  init(_ node: inout NodeReader) throws(OperatorError) {
    queryHeads = try node.optionalInt("q_num_heads")
    heads = try node.optionalInt("kv_num_heads")
    for (name, count) in [("q_num_heads", queryHeads), ("kv_num_heads", heads)] {
      if let count, count <= 0 {
        throw .attribute(name, "expected a positive number, got \(count)")
      }
    }
    scale = try node.optionalFloat("scale")
    softcap = try node.float("softcap", default: 0)
    precision = try node.softmaxPrecision()
    shownStage = try node.int("qk_matmul_output_mode", default: 0)
    guard (0...3).contains(shownStage) else {
      throw .attribute("qk_matmul_output_mode", "expected 0 to 3, got \(shownStage)")
    }
    let isCausal = try node.flag("is_causal")
    var bounds: [Int?] = [nil, nil]
    if node.version >= 25 {
      for (index, name) in ["left_window_size", "right_window_size"].enumerated() {
        let size = try node.int(name, default: -1)
        guard size >= -1 else { throw .attribute(name, "expected -1 or more, got \(size)") }
        bounds[index] = size < 0 ? nil : size
      }
    }
    window = AttentionWindow(isCausal: isCausal, left: bounds[0], right: bounds[1])
    forbidsHeads = node.version >= 25 && (queryHeads != nil || heads != nil)
    if node.version < 24 && node.inputCount > 6 {
      throw .input(6, "operator set \(node.version) does not have this input")
    }
  }

  private func shape(_ inputs: Inputs) throws(OperatorError) -> AttentionShape {
    var shape = try AttentionShape(inputs, queryHeads: queryHeads, heads: heads)
    if shape.isPacked == false && forbidsHeads {
      throw .attribute(queryHeads == nil ? "kv_num_heads" : "q_num_heads", "needs inputs of rank 3")
    }
    if inputs.has(4) { try shape.addPast(inputs, key: 4, value: 5) }
    return shape
  }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let query = try inputs.tensor(0).elementType
    _ = try inputs.tensor(1, sameTypeAs: 0)
    let value = try inputs.tensor(2, [.floats, .bfloat16]).elementType
    guard inputs.has(4) == inputs.has(5) else {
      throw .input(
        inputs.has(4) ? 5 : 4, "is missing: past key and past value must be given together")
    }
    if inputs.has(4) {
      _ = try inputs.tensor(4, sameTypeAs: 0)
      _ = try inputs.tensor(5, sameTypeAs: 2)
    }
    let shape = try shape(inputs)
    if inputs.has(3) {
      let mask = try inputs.tensor(3, [.floats, .bfloat16, .integers, .bool])
      if let mask = mask.shape { try shape.checkMask(mask, 3) }
    }
    if inputs.has(6) {
      guard !inputs.has(4) else { throw .input(6, "cannot be combined with past key and value") }
      _ = try inputs.tensor(6, .int64)
      if let lengths = try inputs.shape(6, rank: 1)?[0].size, let batch = shape.batch.size,
        lengths != batch
      {
        throw .input(6, "expected \(batch) elements, got \(lengths)")
      }
    }
    return [
      .tensor(query, shape.result),
      .tensor(query, [shape.batch, shape.heads, shape.keys, shape.width]),
      .tensor(value, [shape.batch, shape.heads, shape.keys, shape.valueWidth]),
      .tensor(query, [shape.batch, shape.queryHeads, shape.queries, shape.keys]),
    ]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    let sizes = try AttentionSizes(try shape(call.inputs))
    if let kernel = try headKernel(call, sizes) { return kernel }
    let types = [try call.elementType(0), try call.elementType(2), precision]
    return types.contains(.float64)
      ? try AttentionBlock<Double>(self, call, sizes).kernel(call)
      : try AttentionBlock<Float>(self, call, sizes).kernel(call)
  }
}

extension Attention {
  /// The kernel for float32 without a cap; `nil` for others, or if scores are an output.
  private func headKernel(
    _ call: Preparation, _ sizes: AttentionSizes
  ) throws(OperatorError) -> Kernel? {
    let types = [try call.elementType(0), try call.elementType(2), precision ?? .float32]
    guard types.allSatisfy({ $0 == .float32 }), softcap <= 0, !call.wants(3), sizes.width > 0 else {
      return nil
    }
    let keys = try AttentionCache(call, sizes, input: 1, past: 4, output: 1, width: sizes.width)
    let values = try AttentionCache(
      call, sizes, input: 2, past: 5, output: 2, width: sizes.valueWidth)
    var attention = HeadAttention(
      batch: sizes.batch, heads: sizes.queryHeads, group: sizes.queryHeads / max(sizes.heads, 1),
      queries: sizes.queries, keys: sizes.keys, width: sizes.width, valueWidth: sizes.valueWidth,
      query: sizes.query.rows, key: keys.layout.rows, value: values.layout.rows,
      result: sizes.result.rows, scale: scale ?? 1 / Float(sizes.width).squareRoot(),
      isGuarded: true)
    if call.inputs.has(3) {
      attention.mask = .init(
        rows: try AttentionMask(try call.inputSizes(3), try call.elementType(3)))
    }
    attention.window = window
    attention.pastKeys = sizes.pastKeys
    attention.lengths = call.inputs.has(6) ? 6 : nil
    let valueRoom = keys.scratch
    return try attention.kernel(
      call, after: .total(keys.scratch, values.scratch),
      keys: { UnsafeRawPointer(keys.base($0, at: 0)).assumingMemoryBound(to: Float.self) },
      values: {
        UnsafeRawPointer(values.base($0, at: valueRoom)).assumingMemoryBound(to: Float.self)
      },
      prepare: { buffers in
        keys.gather(buffers, at: 0)
        values.gather(buffers, at: valueRoom)
      })
  }
}

extension HeadLayout {
  fileprivate var rows: HeadAttention.Rows {
    HeadAttention.Rows(
      batch: heads * length * width, head: isPacked ? width : length * width, row: stride)
  }
}

extension NodeReader {
  /// Reads the attribute `softmax_precision`, a floating-point type.
  mutating func softmaxPrecision() throws(OperatorError) -> ElementType? {
    guard let type = try optionalElementType("softmax_precision") else { return nil }
    guard [.float32, .float64, .float16, .bfloat16].contains(type) else {
      throw .attribute("softmax_precision", "expected a floating-point type, got \(type)")
    }
    return type
  }
}
