import CKernels
import ONNXFormat
import ONNXOperators
import ONNXProducts

/// Attention of float32 heads by products of panels, some heads or a part of one in each task. Keys and
/// values of a head are packed once per task, or read in place if there are few queries.
struct HeadAttention: Sendable {
  /// The place of a head's rows in a tensor, in elements. Of `row` and `column` one is 1.
  struct Rows: Sendable {
    var batch: Int
    var head: Int
    var row: Int
    var column = 1

    func offset(_ batch: Int, _ head: Int, row: Int = 0) -> Int {
      batch * self.batch + head * self.head + row * self.row
    }
  }

  /// A mask, and how a bool one is applied.
  struct Mask: Sendable {
    let rows: AttentionMask<Float>
    /// Whether numbers other than 0 take the place of scores.
    var replaces = false
  }

  /// The addresses of keys and values.
  typealias Source = @Sendable (Buffers) -> UnsafePointer<Float>

  let batch: Int
  let heads: Int
  /// The number of heads of the query that share a head of keys and values.
  let group: Int
  let queries: Int
  let keys: Int
  let width: Int
  let valueWidth: Int
  let query: Rows
  let key: Rows
  let value: Rows
  let result: Rows
  let scale: Float
  /// Whether a query that attends to no key has the result 0, not NaN.
  let isGuarded: Bool
  var mask: Mask?
  var window = AttentionWindow(isCausal: false, left: nil, right: nil)
  var pastKeys = 0
  /// The input that holds the number of valid keys of each batch.
  var lengths: Int?

  private var c: ck_attention {
    ck_attention(
      keys: keys, width: width, value_width: valueWidth, key_row: key.row, key_column: key.column,
      value_row: value.row, query_row: query.row, query_column: query.column,
      result_row: result.row, scale: scale, guarded: isGuarded ? 1 : 0)
  }
  private var isFew: Bool { queries < ck_attention_few() }
  private var hasRanges: Bool {
    window.isCausal || window.left != nil || window.right != nil || lengths != nil
  }

  /// - Parameters:
  ///   - first: the bytes of scratch memory before those of the kernel
  ///   - prepare: called first in each run
  func kernel(
    _ call: Preparation, after first: Int = 0, keys keyBase: @escaping Source,
    values valueBase: @escaping Source, prepare: (@Sendable (Buffers) -> Void)? = nil
  ) throws(OperatorError) -> Kernel {
    let this = self
    let count = Int.work(batch, heads, queries, valueWidth)
    guard keys < Int(Int32.max) else { throw .unsupported("attention to \(keys) keys") }
    guard count > 0, keys > 0 else {
      // Sums over no keys are 0.
      return .compute(scratch: first) { buffers in
        prepare?(buffers)
        if count > 0 { buffers.output(0, as: Float.self).update(repeating: 0, count: count) }
      }
    }
    var c = c
    let block = ck_attention_block()
    let packed = isFew ? 0 : ck_attention_packed(&c).vectors
    let room = ck_attention_room(&c).vectors
    let masks = mask?.rows.room(block, keys: keys).vectors ?? 0
    let ranges = hasRanges ? (2 * block).vectors : 0
    let perThread = Int.total(.total(packed, room), .total(masks, ranges))
    // Queries in a task, and heads if those of one head are few.
    let chunk = Int.work(batch, heads) >= 8 ? 16 * block : max(2 * block, 64)
    let chunks = (queries + chunk - 1) / chunk
    let cost = Int.work(min(queries, chunk), keys, width + valueWidth)
    let perTask = chunks > 1 ? 1 : max(1, 400_000 / max(cost, 1))
    let units = Int.work(batch, heads, chunks)
    let tasks = (units + perTask - 1) / perTask
    call.note("attention \(units) × \(min(queries, chunk)) × \(keys) × \(width)")
    let tile: Buffers.Tile = { buffers, task, thread in
      let memory =
        (buffers.scratch + first).assumingMemoryBound(to: Float.self) + thread * perThread
      let rooms = Rooms(
        packed: memory, scratch: memory + packed, mask: memory + packed + room,
        ranges: UnsafeMutableRawPointer(memory + packed + room + masks)
          .assumingMemoryBound(to: Int32.self))
      for unit in task * perTask..<min((task + 1) * perTask, units) {
        let (index, part) = unit.quotientAndRemainder(dividingBy: chunks)
        let (batch, head) = index.quotientAndRemainder(dividingBy: this.heads)
        let key = keyBase(buffers) + this.key.offset(batch, head / this.group)
        let value = valueBase(buffers) + this.value.offset(batch, head / this.group)
        let queries = part * chunk..<min((part + 1) * chunk, this.queries)
        this.compute(buffers, batch, head, queries, key, value, rooms)
      }
    }
    let bytes = Int.work(perThread, call.threads, MemoryLayout<Float>.stride)
    return .compute(scratch: .total(first, bytes)) { buffers in
      prepare?(buffers)
      buffers.parallel(tasks, tile)
    }
  }

  private struct Rooms {
    let packed: UnsafeMutablePointer<Float>
    let scratch: UnsafeMutablePointer<Float>
    let mask: UnsafeMutablePointer<Float>
    let ranges: UnsafeMutablePointer<Int32>
  }

  private func compute(
    _ buffers: Buffers, _ batch: Int, _ head: Int, _ queries: Range<Int>,
    _ key: UnsafePointer<Float>, _ value: UnsafePointer<Float>, _ rooms: Rooms
  ) {
    var c = c
    if !isFew { ck_attention_pack(&c, key, value, rooms.packed) }
    let step = isFew ? 1 : ck_attention_block()
    for first in stride(from: queries.lowerBound, to: queries.upperBound, by: step) {
      let count = min(step, queries.upperBound - first)
      var visible = visible(buffers, batch, head, first..<first + count, rooms)
      let query =
        buffers.input(0, as: Float.self) + self.query.offset(batch, head, row: first)
      let result =
        buffers.output(0, as: Float.self) + self.result.offset(batch, head, row: first)
      if isFew {
        ck_attend_row(&c, query, key, value, &visible, result, rooms.scratch)
      } else {
        ck_attend(&c, query, count, rooms.packed, &visible, result, rooms.scratch)
      }
    }
  }

  /// What some queries see of the keys.
  private func visible(
    _ buffers: Buffers, _ batch: Int, _ head: Int, _ queries: Range<Int>, _ rooms: Rooms
  ) -> ck_visible {
    var visible = ck_visible(
      mask: nil, step: 0, replaces: mask?.replaces == true ? 1 : 0, low: nil, high: nil)
    if let mask {
      (visible.mask, visible.step) = mask.rows.rows(
        queries, buffers.bytes(input: 3), batch: batch, head: head, keys: keys, room: rooms.mask)
    }
    guard hasRanges else { return visible }
    let valid = lengths.map { Int(buffers.input($0, as: Int64.self)[batch]) }
    let (low, high) = (rooms.ranges, rooms.ranges + ck_attention_block())
    var isWhole = true
    for (index, row) in queries.enumerated() {
      let range = window.keys(
        of: row, queries: self.queries, keys: keys, past: pastKeys, valid: valid)
      (low[index], high[index]) = (Int32(range.lowerBound), Int32(range.upperBound))
      isWhole = isWhole && range == 0..<keys
    }
    if !isWhole { (visible.low, visible.high) = (UnsafePointer(low), UnsafePointer(high)) }
    return visible
  }
}
