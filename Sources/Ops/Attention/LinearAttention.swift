import ONNXFormat
import ONNXOperators
import ONNXProducts
import RealModule

/// Attention with a state `S` for each head of key and value instead of scores. For each token in
/// turn: `S ← e^decay · S`, `v ← β · (v − Sᵀ · k)`, `S ← S + k ⊗ v`, `y = scale · Sᵀ · q`. The
/// update rule determines which of the first two steps are done.
///
/// States are `[batch, heads, key size, value size]`; all other values are packed, `[batch, length, …]`.
struct LinearAttention: Operator {
  static let schema = Schema(
    "LinearAttention", [27: [.float32, .float16, .bfloat16]], inputs: 3...6, outputs: 1...2)
  let queryHeads: Int
  let heads: Int
  let scale: Float
  let decays: Bool
  let corrects: Bool

  init(_ node: inout NodeReader) throws(OperatorError) {
    queryHeads = try node.int("q_num_heads")
    heads = try node.int("kv_num_heads")
    guard heads > 0, queryHeads > 0, queryHeads % heads == 0 else {
      throw .attribute(
        "q_num_heads", "expected a positive multiple of kv_num_heads, got \(queryHeads), \(heads)")
    }
    scale = try node.float("scale", default: 0)
    _ = try node.optionalInt("chunk_size")
    let rule = try node.choice(
      "update_rule", default: "gated_delta", among: ["linear", "gated", "delta", "gated_delta"])
    decays = rule.hasPrefix("gated")
    corrects = rule.hasSuffix("delta")
  }

  private func shape(_ inputs: Inputs) throws(OperatorError) -> AttentionShape {
    for index in 0..<3 { _ = try inputs.shape(index, rank: 3) }
    return try AttentionShape(inputs, queryHeads: queryHeads, heads: heads)
  }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    for index in 1...2 { _ = try inputs.tensor(index, sameTypeAs: 0) }
    let type = try inputs.tensor(0).elementType
    let shape = try shape(inputs)
    if let m = shape.queries.size, let n = shape.newKeys.size, m != n {
      throw .input(1, "expected length \(m), got \(n)")
    }
    let state: Shape = [shape.batch, Dimension(heads), shape.width, shape.valueWidth]
    var stateType = type
    if inputs.has(3) {
      stateType = try inputs.tensor(3, [.float32, .float16, .bfloat16]).elementType
      try check(inputs, 3, [state])
    }
    for (index, name, isNeeded) in [(4, "decay", decays), (5, "beta", corrects)] {
      guard inputs.has(index) == isNeeded else {
        throw .input(index, "the update rule \(isNeeded ? "needs" : "does not use") \(name)")
      }
      guard isNeeded else { continue }
      _ = try inputs.tensor(index, sameTypeAs: 0)
      let size = shape.width.size.flatMap { [$0, heads].elementCount }
      let wide = index == 5 ? 1 : Dimension(size)
      try check(
        inputs, index,
        [[shape.batch, shape.queries, Dimension(heads)], [shape.batch, shape.queries, wide]])
    }
    let columns = shape.valueWidth.size.flatMap { [$0, queryHeads].elementCount }
    return [
      .tensor(type, [shape.batch, shape.queries, Dimension(columns)]), .tensor(stateType, state),
    ]
  }

  /// Checks that an input has one of these shapes.
  private func check(
    _ inputs: Inputs, _ index: Int, _ choices: [Shape]
  ) throws(OperatorError) {
    guard let shape = try inputs.shape(index, rank: choices[0].rank) else { return }
    let fits = choices.contains { wanted in
      zip(shape, wanted).allSatisfy { $0.size == nil || $1.size == nil || $0 == $1 }
    }
    guard fits else {
      let wanted = choices.map(\.description).joined(separator: " or ")
      throw .input(index, "expected shape \(wanted), got \(shape)")
    }
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    try LinearRecurrence(self, call, try AttentionSizes(try shape(call.inputs))).kernel(call)
  }
}

/// The recurrence of one head of key and value after the other.
private struct LinearRecurrence: Sendable {
  let sizes: AttentionSizes
  let scale: Float
  private let real: RealRows<Float>
  private let state: RealRows<Float>
  private let decayWidth: Int
  private let betaHeads: Int
  private let hasState: Bool
  private let wantsResult: Bool
  private let wantsState: Bool

  init(
    _ attention: LinearAttention, _ call: Preparation, _ sizes: AttentionSizes
  ) throws(OperatorError) {
    self.sizes = sizes
    scale = attention.scale == 0 ? 1 / Float(sizes.width).squareRoot() : attention.scale
    let type = try call.elementType(0)
    real = try RealRows(type)
    hasState = call.inputs.has(3)
    state = try RealRows(hasState ? try call.elementType(3) : type)
    decayWidth = attention.decays ? try call.inputSizes(4)[2] / sizes.heads : 0
    betaHeads = attention.corrects ? try call.inputSizes(5)[2] : 0
    wantsResult = call.wants(0)
    wantsState = call.wants(1)
  }

  func kernel(_ call: Preparation) -> Kernel {
    let (width, valueWidth) = (sizes.width, sizes.valueWidth)
    let stateSize = Int.work(width, valueWidth).vectors
    let room = Int.total(stateSize, .work(width.vectors, 2), .work(valueWidth.vectors, 2))
    let tile: Buffers.Tile = { buffers, task, thread in
      let memory = buffers.scratch.assumingMemoryBound(to: Float.self) + thread * room
      compute(task, buffers, memory, memory + stateSize)
    }
    let tasks = width == 0 && valueWidth == 0 ? 0 : Int.work(sizes.batch, sizes.heads)
    let bytes = Int.work(room, call.threads, MemoryLayout<Float>.stride)
    return .compute(scratch: bytes) { buffers in buffers.parallel(tasks, tile) }
  }

  private func compute(
    _ task: Int, _ buffers: Buffers, _ s: UnsafeMutablePointer<Float>,
    _ memory: UnsafeMutablePointer<Float>
  ) {
    let (width, valueWidth, heads) = (sizes.width, sizes.valueWidth, sizes.heads)
    let (batch, head) = (task / heads, task % heads)
    let (roomA, roomB) = (memory, memory + width.vectors)
    let v = roomB + width.vectors
    let y = v + valueWidth.vectors
    let count = width * valueWidth
    if hasState {
      let past = state.read(buffers.bytes(input: 3), at: task * count, count, room: s)
      if past != UnsafePointer(s) { s.update(from: past, count: count) }
    } else {
      s.update(repeating: 0, count: count)
    }
    for token in batch * sizes.queries..<(batch + 1) * sizes.queries {
      let place = token * heads + head
      if decayWidth > 0 {
        let decay = real.read(
          buffers.bytes(input: 4), at: place * decayWidth, decayWidth, room: roomA)
        for d in 0..<width {
          let factor = Float.exp(decay[decayWidth == 1 ? 0 : d])
          let row = s + d * valueWidth
          for m in 0..<valueWidth { row[m] *= factor }
        }
      }
      let k = real.read(buffers.bytes(input: 1), at: place * width, width, room: roomA)
      let value = real.read(buffers.bytes(input: 2), at: place * valueWidth, valueWidth, room: v)
      if value != UnsafePointer(v) { v.update(from: value, count: valueWidth) }
      if betaHeads > 0 {
        let beta = real.read(
          buffers.bytes(input: 5), at: token * betaHeads + (betaHeads == 1 ? 0 : head), 1,
          room: roomB)[0]
        mix(s, k, y)
        for m in 0..<valueWidth { v[m] = beta * (v[m] - y[m]) }
      }
      for d in 0..<width {
        let row = s + d * valueWidth
        let factor = k[d]
        for m in 0..<valueWidth { row[m] += factor * v[m] }
      }
      guard wantsResult else { continue }
      let group = sizes.queryHeads / heads
      for place in token * sizes.queryHeads + head * group..<token * sizes.queryHeads
        + (head + 1) * group
      {
        let q = real.read(buffers.bytes(input: 0), at: place * width, width, room: roomB)
        mix(s, q, y)
        for m in 0..<valueWidth { y[m] *= scale }
        real.write(y, buffers.bytes(output: 0), at: place * valueWidth, valueWidth)
      }
    }
    if wantsState { state.write(s, buffers.bytes(output: 1), at: task * count, count) }
  }

  /// `y = Sᵀ · x`.
  private func mix(
    _ s: UnsafeMutablePointer<Float>, _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>
  ) {
    let count = sizes.valueWidth
    y.update(repeating: 0, count: count)
    for d in 0..<sizes.width {
      let row = s + d * count
      let factor = x[d]
      for m in 0..<count { y[m] += factor * row[m] }
    }
  }
}
