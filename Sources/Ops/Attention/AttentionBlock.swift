import ONNXFormat
import ONNXOperators
import ONNXProducts

/// Computes attention for one block of queries of one head at a time.
struct AttentionBlock<C: RowElement>: Sendable {
  let attention: Attention
  let sizes: AttentionSizes
  private let keys: AttentionCache
  private let values: AttentionCache
  private let query: HeadRows<C>
  private let key: HeadRows<C>
  private let value: HeadRows<C>
  private let result: HeadRows<C>
  private let mask: AttentionMask<C>?
  private let hasLengths: Bool
  private let wantsScores: Bool
  private let scoring: BlockProduct<C>
  private let mixing: BlockProduct<C>

  init(
    _ attention: Attention, _ call: Preparation, _ sizes: AttentionSizes
  ) throws(OperatorError) {
    self.attention = attention
    self.sizes = sizes
    let type = try call.elementType(0)
    keys = try AttentionCache(call, sizes, input: 1, past: 4, output: 1, width: sizes.width)
    values = try AttentionCache(call, sizes, input: 2, past: 5, output: 2, width: sizes.valueWidth)
    // The reference rounds the scaled query and key to 16 bits.
    let scale = attention.scale.map { C($0) } ?? 1 / C(sizes.width).squareRoot()
    var factor = abs(scale).squareRoot()
    type.round(&factor, 1)
    let isHalf = type.isHalf
    query = try HeadRows(sizes.query, type, factor: isHalf ? factor : nil)
    key = try HeadRows(keys.layout, type, factor: isHalf ? (scale < 0 ? -factor : factor) : nil)
    value = try HeadRows(values.layout, try call.elementType(2))
    result = try HeadRows(sizes.result, type)
    mask =
      call.inputs.has(3)
      ? try AttentionMask(try call.inputSizes(3), try call.elementType(3)) : nil
    hasLengths = call.inputs.has(6)
    wantsScores = call.wants(3)
    scoring = try BlockProduct(
      sizes, columns: sizes.keys, depth: sizes.width, transposeB: true, alpha: isHalf ? 1 : scale,
      strideA: query.stride, strideB: key.stride, strideC: sizes.keys)
    mixing = try BlockProduct(
      sizes, columns: sizes.valueWidth, depth: sizes.keys, transposeB: false,
      strideA: sizes.keys, strideB: value.stride, strideC: result.stride)
  }

  /// The number of elements of scratch memory for scores, mask, query, key, value and result of a block.
  private var rooms: [Int] {
    [
      Int.work(sizes.block, sizes.keys).vectors, mask == nil ? 0 : sizes.keys.vectors,
      query.room(sizes.block), key.room(sizes.keys), value.room(sizes.keys),
      result.room(sizes.block),
    ]
  }

  func kernel(_ call: Preparation) -> Kernel {
    let rooms = rooms
    let room = rooms.reduce(0) { Int.total($0, $1) }
    let shared = Int.total(keys.scratch, values.scratch)
    let tile: Buffers.Tile = { buffers, task, thread in
      var rest =
        (buffers.scratch + shared).assumingMemoryBound(to: C.self) + thread * room
      var memory: [UnsafeMutablePointer<C>] = []
      for size in rooms {
        memory.append(rest)
        rest += size
      }
      compute(task, buffers, memory)
    }
    let isEmpty = sizes.queries == 0 || (sizes.valueWidth == 0 && !wantsScores)
    let tasks = isEmpty ? 0 : sizes.tasks
    let bytes = Int.work(room, call.threads, MemoryLayout<C>.stride)
    return .compute(scratch: .total(shared, bytes)) { buffers in
      keys.gather(buffers, at: 0)
      values.gather(buffers, at: keys.scratch)
      buffers.parallel(tasks, tile)
    }
  }

  private func compute(_ task: Int, _ buffers: Buffers, _ memory: [UnsafeMutablePointer<C>]) {
    let (batch, head, keyHead, queries) = sizes.place(task)
    let scores = memory[0]
    let keyBase = keys.base(buffers, at: 0)
    let valueBase = values.base(buffers, at: keys.scratch)
    if sizes.keys > 0 {
      scoring.multiply(
        queries.count,
        query.matrix(
          buffers.bytes(input: 0), batch, head, first: queries.lowerBound, queries.count,
          room: memory[2]),
        key.matrix(keyBase, batch, keyHead, first: 0, sizes.keys, room: memory[3]), scores)
    }
    for index in queries {
      weigh(
        scores + (index - queries.lowerBound) * sizes.keys, buffers, batch, head, index, memory[1])
    }
    let base = buffers.bytes(output: 0)
    let target = result.target(base, batch, head, first: queries.lowerBound, room: memory[5])
    if sizes.keys > 0 {
      mixing.multiply(
        queries.count, scores,
        value.matrix(valueBase, batch, keyHead, first: 0, sizes.keys, room: memory[4]), target)
    } else {
      for row in 0..<queries.count {
        (target + row * result.stride).update(repeating: 0, count: sizes.valueWidth)
      }
    }
    result.store(target, base, batch, head, first: queries.lowerBound, queries.count)
  }

  /// Converts the scores of one query to the weights of the keys.
  private func weigh(
    _ scores: UnsafeMutablePointer<C>, _ buffers: Buffers, _ batch: Int, _ head: Int, _ index: Int,
    _ room: UnsafeMutablePointer<C>
  ) {
    let type = query.rows.type
    let row = AttentionRow(values: scores, count: sizes.keys)
    func show(_ stage: Int) {
      guard wantsScores, attention.shownStage == stage else { return }
      let place = (batch * sizes.queryHeads + head) * sizes.queries + index
      query.rows.write(scores, buffers.bytes(output: 3), at: place * sizes.keys, sizes.keys)
    }
    type.round(scores, sizes.keys)
    show(0)
    if attention.softcap > 0 { row.softcap(C(attention.softcap), type) }
    show(1)
    let seen = attention.window.keys(
      of: index, queries: sizes.queries, keys: sizes.keys, past: sizes.pastKeys,
      valid: hasLengths ? Int(buffers.input(6, as: Int64.self)[batch]) : nil)
    var remains = !seen.isEmpty
    if let mask {
      remains = mask.add(
        to: scores, buffers.bytes(input: 3), batch: batch, head: head, row: index, seen: seen,
        room: room)
      type.round(scores, sizes.keys)
    }
    for j in 0..<seen.lowerBound { scores[j] = -.infinity }
    for j in seen.upperBound..<sizes.keys { scores[j] = -.infinity }
    show(2)
    // A query for which all keys are masked has weights of zero, not NaN.
    if remains { row.softmax(attention.precision ?? type, guarded: true) } else { row.fill(0) }
    type.round(scores, sizes.keys)
    show(3)
  }
}
