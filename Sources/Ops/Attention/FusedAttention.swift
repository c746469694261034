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
    let pairs =
      (0..<rank - 2).flatMap { [(q[$0], k[$0], 1), (q[$0], v[$0], 2)] }
      + [(q[rank - 1], k[rank - 1], 1), (k[rank - 2], v[rank - 2], 2)]
    for (a, b, index) in pairs {
      if let m = a.size, let n = b.size, m != n {
        throw .input(index, "expected size \(m), got \(n)")
      }
    }
    if inputs.has(3) {
      let mask = try inputs.tensor(3)
      guard mask.elementType == .float32 || mask.elementType == .bool else {
        throw .input(3, "element type \(mask.elementType) is not supported")
      }
      if let shape = mask.shape { try checkMask(shape, q: q, keys: k[rank - 2]) }
    }
    let result = Array(q.dropLast()) + [v[rank - 1]]
    var stored = result
    for (axis, place) in orders[3].enumerated() { stored[place] = result[axis] }
    return [.tensor(.float32, Shape(stored))]
  }

  private func checkMask(
    _ shape: Shape, q: [Dimension], keys: Dimension
  ) throws(OperatorError) {
    let target = [keys] + q.dropLast().reversed()
    guard (1...q.count).contains(shape.rank) else { throw .input(3, "has shape \(shape)") }
    for (axis, (m, n)) in zip(shape.reversed(), target).enumerated() {
      if let m = m.size, let n = n.size, m != n, m != 1 || axis == 0 {
        throw .input(3, "\(shape) does not broadcast to \(Shape(target.reversed()))")
      }
    }
  }

  /// The places of the heads of a tensor, given its sizes in the order of `orders`.
  private func rows(_ sizes: [Int], _ order: [Int]) -> HeadAttention.Rows {
    var stored = sizes
    for (axis, place) in order.enumerated() { stored[place] = sizes[axis] }
    let strides = rowMajorStrides(stored)
    let steps = order.map { strides[$0] }
    let rank = sizes.count
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
    var attention = HeadAttention(
      batch: q[0], heads: rank == 4 ? q[1] : 1, group: 1, queries: q[rank - 2],
      keys: k[rank - 2], width: q[rank - 1], valueWidth: v[rank - 1], query: rows(q, orders[0]),
      key: rows(k, orders[1]), value: rows(v, orders[2]),
      result: rows(q.dropLast() + [v[rank - 1]], orders[3]), scale: scale, isGuarded: isGuarded)
    if call.inputs.has(3) {
      var mask = try call.inputSizes(3)
      // Without an axis of heads the first axis of three is the batch.
      if rank == 3 && mask.count == 3 { mask.insert(1, at: 1) }
      let isBool = try call.elementType(3) == .bool
      attention.mask = .init(
        rows: try AttentionMask(
          mask, try call.elementType(3), isInverted ? (0, fill) : (fill, 0)), replaces: isBool)
    }
    return try attention.kernel(
      call, keys: { $0.input(1) }, values: { $0.input(2) })
  }
}
