import ONNXFormat
import ONNXOperators
import ONNXProducts

/// The sizes of the inputs of an attention, as far as they are known, checked to be consistent.
struct AttentionShape {
  private(set) var batch = Dimension.unknown
  private(set) var queryHeads = Dimension.unknown
  private(set) var heads = Dimension.unknown
  private(set) var queries = Dimension.unknown
  private(set) var newKeys = Dimension.unknown
  private(set) var pastKeys: Dimension = 0
  private(set) var width = Dimension.unknown
  private(set) var valueWidth = Dimension.unknown
  /// Whether heads are packed into the last axis; `nil` if unknown.
  private(set) var isPacked: Bool?

  /// - Parameter heads: the numbers of heads of the query and of key and value, for packed inputs
  init(
    _ inputs: Inputs, queryHeads: Int?, heads: Int?, allowsPacked: Bool = true
  ) throws(OperatorError) {
    self.heads = .unknown
    for index in 0..<3 {
      guard let rank = try inputs.tensor(index).shape?.rank else { continue }
      guard rank == 4 || rank == 3 && allowsPacked else {
        throw .input(index, "expected rank \(allowsPacked ? "3 or 4" : "4"), got \(rank)")
      }
      guard isPacked == nil || isPacked == (rank == 3) else {
        throw .input(index, "expected the rank of the query, got \(rank)")
      }
      isPacked = rank == 3
    }
    if isPacked == true {
      guard let queryHeads, let heads else {
        throw .attribute(
          "q_num_heads", "is missing: inputs of rank 3 need q_num_heads and kv_num_heads")
      }
      (self.queryHeads, self.heads) = (Dimension(queryHeads), Dimension(heads))
    }
    if let query = try inputs.tensor(0).shape {
      try merge(query, 0, \.queryHeads, \.queries, \.width)
    }
    if let key = try inputs.tensor(1).shape {
      try merge(key, 1, \.heads, \.newKeys, \.width)
    }
    if let value = try inputs.tensor(2).shape {
      try merge(value, 2, \.heads, \.newKeys, \.valueWidth)
    }
    if let m = self.queryHeads.size, let n = self.heads.size {
      guard n > 0 ? m % n == 0 : m == 0 else {
        throw .input(
          1, "expected a number of heads that divides the \(m) heads of the query, got \(n)")
      }
    }
  }

  /// Checks past key and past value, and reads the number of past keys.
  mutating func addPast(_ inputs: Inputs, key: Int, value: Int) throws(OperatorError) {
    pastKeys = .unknown
    if let shape = try inputs.shape(key, rank: 4) {
      try merge(shape, key, \.heads, \.pastKeys, \.width)
    }
    if let shape = try inputs.shape(value, rank: 4) {
      try merge(shape, value, \.heads, \.pastKeys, \.valueWidth)
    }
    if let m = pastKeys.size, let n = newKeys.size, m.addingReportingOverflow(n).overflow {
      throw .input(key, "the number of keys, \(m) + \(n), overflows")
    }
  }

  /// The number of past and new keys.
  var keys: Dimension {
    if pastKeys.size == 0 { return newKeys }
    if newKeys.size == 0 { return pastKeys }
    guard let m = pastKeys.size, let n = newKeys.size else { return .unknown }
    return Dimension(m + n)
  }

  /// The shape of the result.
  var result: Shape? {
    switch isPacked {
    case nil: nil
    case false?: [batch, queryHeads, queries, valueWidth]
    case true?: [batch, queries, Self.product(queryHeads, valueWidth)]
    }
  }

  /// Checks that a mask broadcasts to the scores. Its last axis may be shorter.
  func checkMask(_ shape: Shape, _ index: Int) throws(OperatorError) {
    guard (1...4).contains(shape.rank) else {
      throw .input(index, "expected rank 1 to 4, got shape \(shape)")
    }
    let target: [Dimension] = [keys, queries, queryHeads, batch]
    for (axis, (m, n)) in zip(shape.reversed(), target).enumerated() {
      guard let m = m.size, let n = n.size else { continue }
      guard axis == 0 ? m <= n : m == 1 || m == n else {
        throw .input(index, "\(shape) does not broadcast to \(Shape(target.reversed()))")
      }
    }
  }

  private static func product(_ a: Dimension, _ b: Dimension) -> Dimension {
    guard let m = a.size, let n = b.size else { return .unknown }
    let (product, overflow) = m.multipliedReportingOverflow(by: n)
    return overflow ? .unknown : Dimension(product)
  }

  private mutating func merge(
    _ shape: Shape, _ index: Int, _ heads: WritableKeyPath<Self, Dimension>,
    _ length: WritableKeyPath<Self, Dimension>, _ width: WritableKeyPath<Self, Dimension>
  ) throws(OperatorError) {
    try merge(shape[0], index, \.batch, "batch")
    guard shape.rank == 3 else {
      try merge(shape[1], index, heads, "number of heads")
      try merge(shape[2], index, length, "length")
      return try merge(shape[3], index, width, "head size")
    }
    try merge(shape[1], index, length, "length")
    guard let size = shape[2].size, let count = self[keyPath: heads].size else { return }
    guard count > 0, size % count == 0 else {
      throw .input(index, "\(size) columns are not divisible by \(count) heads")
    }
    try merge(Dimension(size / count), index, width, "head size")
  }

  private mutating func merge(
    _ size: Dimension, _ index: Int, _ field: WritableKeyPath<Self, Dimension>, _ name: String
  ) throws(OperatorError) {
    if let m = size.size, let n = self[keyPath: field].size, m != n {
      throw .input(index, "expected \(name) \(n), got \(m)")
    }
    if self[keyPath: field].size == nil { self[keyPath: field] = size }
  }
}
