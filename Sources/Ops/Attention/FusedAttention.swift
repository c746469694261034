import ONNXFormat
import ONNXOperators
import ONNXProducts

/// `softmax(scale · Q · Kᵀ + mask) · V` of tensors whose axes are `[batch, heads, length, size]` or
/// `[batch, length, size]` in any order: what a rewrite rule makes of the standard nodes.
///
/// The mask broadcasts to `[batch, heads, queries, keys]`; numbers are added, and `fill` takes the place
/// of scores where a bool mask is false, or true if it is `inverted`.
struct FusedAttention: Operator {
  static let schema = Schema(
    "FusedAttention", domain: "swift.onnx", [1: [.float32]], inputs: 3...4)
  static var rewrites: [RewriteRule] { [AttentionSearch.rule] }
  private let scale: Float
  private let isGuarded: Bool
  private let fill: Float
  private let isInverted: Bool
  /// For query, key, value and result: the axis in memory of each of its axes.
  private let orders: [[Int]]

  init(_ node: inout NodeReader) throws(OperatorError) {
    scale = try node.float("scale")
    isGuarded = try node.flag("guarded")
    fill = try node.float("fill", default: -.infinity)
    isInverted = try node.flag("inverted")
    let list = try node.ints("orders")
    let rank = list.count / 4
    guard list.count == 4 * rank, rank == 3 || rank == 4 else {
      throw .attribute("orders", "expected 12 or 16 axes, got \(list.count)")
    }
    orders = (0..<4).map { Array(list[$0 * rank..<($0 + 1) * rank]) }
    guard orders.allSatisfy({ $0.sorted() == Array(0..<rank) }) else {
      throw .attribute("orders", "expected permutations, got \(list)")
    }
    let last = orders.map { ($0[rank - 1], $0[rank - 2]) }
    for (index, axes) in last.enumerated() {
      guard axes.0 == rank - 1 || index < 2 && axes.1 == rank - 1 else {
        throw .attribute("orders", "rows and columns of input \(index) are not contiguous")
      }
    }
  }

  /// The sizes of an input in the order `[batch, heads, length, size]`; `nil` if the rank is unknown.
  private func sizes(_ inputs: Inputs, _ index: Int) throws(OperatorError) -> [Dimension]? {
    guard let shape = try inputs.tensor(index, sameTypeAs: 0).shape else { return nil }
    guard shape.rank == orders[index].count else {
      throw .input(index, "expected rank \(orders[index].count), got \(shape)")
    }
    return orders[index].map { shape[$0] }
  }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    guard let q = try sizes(inputs, 0), let k = try sizes(inputs, 1),
      let v = try sizes(inputs, 2)
    else { return [.tensor(.float32, nil)] }
    let rank = q.count
    let pairs = [(q[rank - 1], k[rank - 1], 1), (k[rank - 2], v[rank - 2], 2)]
    for (a, b, index) in pairs {
      if let m = a.size, let n = b.size, m != n {
        throw .input(index, "expected size \(m), got \(n)")
      }
    }
    var batch: [Dimension] = []
    for axis in 0..<rank - 2 {
      let scores = try broadcast(q[axis], k[axis], 1)
      batch.append(try broadcast(scores, v[axis], 2))
    }
    if inputs.has(3) {
      let mask = try inputs.tensor(3)
      guard mask.elementType == .float32 || mask.elementType == .bool else {
        throw .input(3, "element type \(mask.elementType) is not supported")
      }
      if let shape = mask.shape {
        guard (1...rank).contains(shape.rank) else { throw .input(3, "has shape \(shape)") }
        for (axis, size) in shape.dropLast(2).enumerated() {
          let place = axis + rank - shape.rank
          batch[place] = try broadcast(batch[place], size, 3)
        }
        try check(shape, queries: q[rank - 2], keys: k[rank - 2])
      }
    }
    let result = batch + [q[rank - 2], v[rank - 1]]
    var stored = result
    for (axis, place) in orders[3].enumerated() { stored[place] = result[axis] }
    return [.tensor(.float32, Shape(stored))]
  }

  private func broadcast(
    _ a: Dimension, _ b: Dimension, _ index: Int
  ) throws(OperatorError) -> Dimension {
    switch (a.size, b.size) {
    case (1, _): return b
    case (_, 1): return a
    case (let m?, let n?):
      if m != n { throw .input(index, "sizes \(m) and \(n) cannot be broadcast") }
      return a
    case (_?, nil): return a
    case (nil, _?): return b
    case (nil, nil): return a == b ? a : .unknown
    }
  }

  private func check(
    _ mask: Shape, queries: Dimension, keys: Dimension
  ) throws(OperatorError) {
    for (m, n) in zip(mask.reversed(), [keys, queries]) {
      if let m = m.size, let n = n.size, m != n, m != 1 {
        throw .input(3, "\(mask) does not broadcast to [\(queries),\(keys)]")
      }
    }
  }

  /// The places of the heads of a tensor, given its sizes in the order of `orders`. Batches and heads
  /// of size 1 are repeated.
  private func rows(_ sizes: [Int], _ order: [Int]) -> HeadAttention.Rows {
    var stored = sizes
    for (axis, place) in order.enumerated() { stored[place] = sizes[axis] }
    let strides = rowMajorStrides(stored)
    let rank = sizes.count
    let steps = order.enumerated().map { axis, place in
      axis < rank - 2 && sizes[axis] == 1 ? 0 : strides[place]
    }
    return HeadAttention.Rows(
      batch: steps[0], head: rank == 4 ? steps[1] : 0, row: steps[rank - 2],
      column: steps[rank - 1])
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    var sizes: [[Int]] = []
    for index in 0..<3 {
      let stored = try call.inputSizes(index)
      sizes.append(orders[index].map { stored[$0] })
    }
    let (q, k, v) = (sizes[0], sizes[1], sizes[2])
    let rank = q.count
    guard let stored = try infer(call.inputs)[0].tensorType?.shape?.sizes else {
      throw .invalid("the shapes of the inputs are not known")
    }
    let y = orders[3].map { stored[$0] }
    var attention = HeadAttention(
      batch: y[0], heads: rank == 4 ? y[1] : 1, group: 1, queries: q[rank - 2],
      keys: k[rank - 2], width: q[rank - 1], valueWidth: v[rank - 1], query: rows(q, orders[0]),
      key: rows(k, orders[1]), value: rows(v, orders[2]),
      result: rows(y, orders[3]), scale: scale, isGuarded: isGuarded)
    if call.inputs.has(3) {
      var mask = try call.inputSizes(3)
      // Without an axis of heads the first axis of three is the batch.
      if rank == 3 && mask.count == 3 { mask.insert(1, at: 1) }
      let isBool = try call.elementType(3) == .bool
      attention.mask = .init(
        rows: try AttentionMask(
          mask, try call.elementType(3), isInverted ? (0, fill) : (fill, 0),
          repeats: mask.last == 1), replaces: isBool)
    }
    return try attention.kernel(
      call, keys: { $0.input(1) }, values: { $0.input(2) })
  }
}
