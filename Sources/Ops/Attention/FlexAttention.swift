import ONNXFormat
import ONNXOperators
import ONNXProducts

/// Attention with graphs that may modify scores and weights:
/// `y = prob_mod(softmax(score_mod(scale · Q · Kᵀ))) · V` for each head of
/// `[batch, heads, length, head size]`; adjacent heads of the query share one of key and value.
struct FlexAttention: Operator {
  static let schema = Schema(
    "FlexAttention", domain: "ai.onnx.preview", [1: [.floats, .bfloat16]], inputs: 3...3)
  let scale: Float?
  let precision: ElementType?
  let changesScores: Bool
  let changesWeights: Bool

  init(_ node: inout NodeReader) throws(OperatorError) {
    scale = try node.optionalFloat("scale")
    precision = try node.softmaxPrecision()
    changesScores = node.has("score_mod")
    changesWeights = node.has("prob_mod")
    if changesScores { _ = try node.graph("score_mod") }
    if changesWeights { _ = try node.graph("prob_mod") }
  }

  private func shape(_ inputs: Inputs) throws(OperatorError) -> AttentionShape {
    try AttentionShape(inputs, queryHeads: nil, heads: nil, allowsPacked: false)
  }

  /// The element type of scores and weights.
  private func weightType(_ type: ElementType) -> ElementType {
    precision ?? (type.isHalf ? .float32 : type)
  }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let type = try inputs.tensor(0).elementType
    for index in 1...2 { _ = try inputs.tensor(index, sameTypeAs: 0) }
    let shape = try shape(inputs)
    let weights = ValueType.tensor(
      weightType(type), [shape.batch, shape.queryHeads, shape.queries, shape.keys])
    for (name, isGiven) in [("score_mod", changesScores), ("prob_mod", changesWeights)]
    where isGiven {
      let graph = try inputs.subgraph(name)
      guard graph.inputCount == 1, graph.outputCount == 1 else {
        throw .attribute(name, "expected a graph with one input and one output")
      }
      _ = try graph.infer([weights])
    }
    return [.tensor(type, shape.result)]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    let sizes = try AttentionSizes(try shape(call.inputs))
    let type = try call.elementType(0)
    return [type, weightType(type)].contains(.float64)
      ? try kernel(call, sizes, type, Double.self) : try kernel(call, sizes, type, Float.self)
  }

  private func kernel<C: RowElement>(
    _ call: Preparation, _ sizes: AttentionSizes, _ type: ElementType, _ compute: C.Type
  ) throws(OperatorError) -> Kernel {
    let stages = try FlexStages<C>(
      sizes, type, weightType(type), scale: scale.map { C($0) })
    let scoreGraph = changesScores ? try call.inputs.subgraph("score_mod") : nil
    let weightGraph = changesWeights ? try call.inputs.subgraph("prob_mod") : nil
    return .produce { call throws(OperatorError) in
      var weights = try stages.scores(call)
      if let scoreGraph { weights = try stages.change(weights, "score_mod", scoreGraph, call) }
      weights = try stages.softmax(weights, call)
      if let weightGraph { weights = try stages.change(weights, "prob_mod", weightGraph, call) }
      return [.tensor(try stages.mix(weights, call))]
    }
  }
}

/// The stages of a flexible attention. Each processes whole tensors, because a graph may run between them.
private struct FlexStages<C: RowElement>: Sendable {
  let sizes: AttentionSizes
  let type: ElementType
  let weights: RealRows<C>
  private let query: HeadRows<C>
  private let key: HeadRows<C>
  private let value: HeadRows<C>
  private let result: HeadRows<C>
  private let scoring: BlockProduct<C>
  private let mixing: BlockProduct<C>

  init(
    _ sizes: AttentionSizes, _ type: ElementType, _ weightType: ElementType, scale: C?
  ) throws(OperatorError) {
    self.sizes = sizes
    self.type = type
    weights = try RealRows(weightType)
    let scale = scale ?? 1 / C(sizes.width).squareRoot()
    var factor = abs(scale).squareRoot()
    type.round(&factor, 1)
    let isHalf = type.isHalf
    query = try HeadRows(sizes.query, type, factor: isHalf ? factor : nil)
    key = try HeadRows(
      sizes.key(isPacked: false), type, factor: isHalf ? (scale < 0 ? -factor : factor) : nil)
    value = try HeadRows(sizes.value(isPacked: false), type)
    result = try HeadRows(sizes.result, type)
    scoring = try BlockProduct(
      sizes, columns: sizes.keys, depth: sizes.width, transposeB: true, alpha: isHalf ? 1 : scale,
      strideA: query.stride, strideB: key.stride, strideC: sizes.keys)
    mixing = try BlockProduct(
      sizes, columns: sizes.valueWidth, depth: sizes.keys, transposeB: false,
      strideA: sizes.keys, strideB: value.stride, strideC: result.stride)
  }

  private var shape: [Int] { [sizes.batch, sizes.queryHeads, sizes.queries, sizes.keys] }

  /// Runs `body` for each block with separate scratch memory.
  private func forEachBlock(
    _ call: borrowing Call, room: Int, empty: Bool,
    _ body: @escaping @Sendable (_ task: Int, _ room: UnsafeMutablePointer<C>) -> Void
  ) throws(OperatorError) {
    let threads = call.pool.threads
    let memory = try call.allocate(.uint8, [threads, Int.work(room, MemoryLayout<C>.stride)])
    let storage = memory.storage
    let tasks = empty ? 0 : sizes.tasks
    // Each task has its own memory and a part of the blocks.
    call.pool.parallel(min(threads, tasks)) { share in
      let base = storage.pointer.assumingMemoryBound(to: C.self) + share * room
      for task in tasks * share / threads..<tasks * (share + 1) / threads { body(task, base) }
    }
  }

  private func bytes(_ tensor: Tensor) -> UnsafeMutablePointer<UInt8> {
    tensor.storage.pointer.assumingMemoryBound(to: UInt8.self)
  }

  /// `scale · Q · Kᵀ` in the type of the weights.
  func scores(_ call: borrowing Call) throws(OperatorError) -> Tensor {
    let (q, k) = (try call.tensor(0), try call.tensor(1))
    let target = try call.allocate(weights.type, shape)
    let rooms = [
      Int.work(sizes.block, sizes.keys).vectors, query.room(sizes.block), key.room(sizes.keys),
    ]
    try forEachBlock(
      call, room: rooms.reduce(0) { Int.total($0, $1) }, empty: target.count == 0
    ) { task, room in
      let (batch, head, keyHead, queries) = sizes.place(task)
      let count = queries.count * sizes.keys
      scoring.multiply(
        queries.count,
        query.matrix(
          bytes(q), batch, head, first: queries.lowerBound, queries.count, room: room + rooms[0]),
        key.matrix(
          bytes(k), batch, keyHead, first: 0, sizes.keys, room: room + rooms[0] + rooms[1]), room)
      type.round(room, count)
      let row = (batch * sizes.queryHeads + head) * sizes.queries + queries.lowerBound
      weights.write(room, bytes(target), at: row * sizes.keys, count)
    }
    return target
  }

  /// The result of a graph for scores or weights.
  func change(
    _ tensor: Tensor, _ name: String, _ graph: any SubgraphRunner, _ call: borrowing Call
  ) throws(OperatorError) -> Tensor {
    let results = try graph.run([.tensor(tensor)], call)
    guard results.count == 1, case .tensor(let changed) = results[0],
      changed.shape == tensor.shape, changed.elementType == tensor.elementType
    else {
      throw .attribute(
        name, "the output must be a tensor of type \(tensor.elementType), shape \(tensor.shape)")
    }
    return changed
  }

  func softmax(_ scores: Tensor, _ call: borrowing Call) throws(OperatorError) -> Tensor {
    let target = try call.allocate(weights.type, shape)
    let keys = sizes.keys
    try forEachBlock(call, room: keys.vectors, empty: target.count == 0) { task, room in
      let (batch, head, _, queries) = sizes.place(task)
      for index in queries {
        let place = ((batch * sizes.queryHeads + head) * sizes.queries + index) * keys
        let row = weights.read(bytes(scores), at: place, keys, room: room)
        if row != UnsafePointer(room) { room.update(from: row, count: keys) }
        AttentionRow(values: room, count: keys).softmax(weights.type, guarded: false)
        weights.write(room, bytes(target), at: place, keys)
      }
    }
    return target
  }

  /// The weighted sums of values, computed in the type of the weights.
  func mix(_ tensor: Tensor, _ call: borrowing Call) throws(OperatorError) -> Tensor {
    let v = try call.tensor(2)
    let target = try call.allocate(
      type, [sizes.batch, sizes.queryHeads, sizes.queries, sizes.valueWidth])
    if sizes.keys == 0 {
      target.storage.pointer.initializeMemory(
        as: UInt8.self, repeating: 0, count: target.storage.byteCount)
      return target
    }
    let rooms = [
      weights.room(Int.work(sizes.block, sizes.keys)), value.room(sizes.keys),
      result.room(sizes.block),
    ]
    try forEachBlock(
      call, room: rooms.reduce(0) { Int.total($0, $1) }, empty: target.count == 0
    ) { task, room in
      let (batch, head, keyHead, queries) = sizes.place(task)
      let row = (batch * sizes.queryHeads + head) * sizes.queries + queries.lowerBound
      let place = result.target(
        bytes(target), batch, head, first: queries.lowerBound, room: room + rooms[0] + rooms[1])
      mixing.multiply(
        queries.count,
        weights.read(
          bytes(tensor), at: row * sizes.keys, queries.count * sizes.keys, room: room),
        value.matrix(bytes(v), batch, keyHead, first: 0, sizes.keys, room: room + rooms[0]), place)
      result.store(place, bytes(target), batch, head, first: queries.lowerBound, queries.count)
    }
    return target
  }
}
