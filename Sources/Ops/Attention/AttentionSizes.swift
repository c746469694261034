import ONNXFormat
import ONNXOperators
import ONNXProducts

/// The sizes of an attention, and its split into blocks of queries, the tasks of threads.
struct AttentionSizes: Sendable {
  let batch: Int
  let queryHeads: Int
  let heads: Int
  let queries: Int
  let pastKeys: Int
  let newKeys: Int
  let width: Int
  let valueWidth: Int
  let isPacked: Bool
  /// The number of queries of a block.
  let block: Int

  init(_ shape: AttentionShape) throws(OperatorError) {
    guard let batch = shape.batch.size, let queryHeads = shape.queryHeads.size,
      let heads = shape.heads.size, let queries = shape.queries.size,
      let pastKeys = shape.pastKeys.size, let newKeys = shape.newKeys.size,
      let width = shape.width.size, let valueWidth = shape.valueWidth.size,
      let isPacked = shape.isPacked
    else { throw .invalid("the shapes of the inputs are not known") }
    self.batch = batch
    self.queryHeads = queryHeads
    self.heads = heads
    self.queries = queries
    self.pastKeys = pastKeys
    self.newKeys = newKeys
    self.width = width
    self.valueWidth = valueWidth
    self.isPacked = isPacked
    block = max(1, min(queries, min(256, max(64, 131_072 / max(pastKeys + newKeys, 1)))))
  }

  var keys: Int { pastKeys + newKeys }
  private var blocks: Int { queries / block + (queries % block == 0 ? 0 : 1) }
  /// The number of blocks of all heads.
  var tasks: Int { Int.work(batch, queryHeads, blocks) }

  /// The batch, the head of the query, the head of the keys, and the queries of a block.
  func place(_ task: Int) -> (batch: Int, head: Int, keyHead: Int, queries: Range<Int>) {
    let first = task % blocks * block
    let head = task / blocks % queryHeads
    return (
      task / blocks / queryHeads, head, head / (queryHeads / heads),
      first..<min(first + block, queries)
    )
  }

  var query: HeadLayout {
    HeadLayout(heads: queryHeads, length: queries, width: width, isPacked: isPacked)
  }
  var result: HeadLayout {
    HeadLayout(heads: queryHeads, length: queries, width: valueWidth, isPacked: isPacked)
  }
  func key(isPacked: Bool) -> HeadLayout {
    HeadLayout(heads: heads, length: keys, width: width, isPacked: isPacked)
  }
  func value(isPacked: Bool) -> HeadLayout {
    HeadLayout(heads: heads, length: keys, width: valueWidth, isPacked: isPacked)
  }
}

/// A matrix product for full blocks of queries, and one for the last, smaller block.
struct BlockProduct<C: RowElement>: Sendable {
  private let whole: GEMM<C>
  private let rest: GEMM<C>

  init(
    _ sizes: AttentionSizes, columns: Int, depth: Int, transposeB: Bool, alpha: C = 1,
    strideA: Int, strideB: Int, strideC: Int
  ) throws(OperatorError) {
    func product(_ rows: Int) throws(OperatorError) -> GEMM<C> {
      try GEMM(
        rows: rows, columns: columns, depth: depth, transposeB: transposeB, alpha: alpha,
        strideA: strideA, strideB: strideB, strideC: strideC, isTiled: false)
    }
    whole = try product(sizes.block)
    rest = try product(sizes.queries % sizes.block)
  }

  func multiply(
    _ rows: Int, _ a: UnsafePointer<C>, _ b: UnsafePointer<C>, _ c: UnsafeMutablePointer<C>
  ) {
    if rows == whole.rows { whole.multiply(a, b, c) } else { rest.multiply(a, b, c) }
  }
}
