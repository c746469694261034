import ONNXFormat

/// NumPy's broadcasting: shapes are aligned at their last dimensions, and a dimension of size 1 (or
/// one that is not there) stretches to the size of the others.
public enum Broadcast {
  /// The shape that all of these broadcast to; `nil` where the rank of one is unknown.
  /// - Throws: `OperatorError.input` for the first shape that does not fit those before it.
  public static func shape(_ shapes: [Shape?]) throws(OperatorError) -> Shape? {
    guard var result = shapes.first ?? nil else { return nil }
    for (index, shape) in shapes.enumerated().dropFirst() {
      guard let shape else { return nil }
      guard let next = combine(result, shape) else {
        throw .input(index, "shape \(shape) does not broadcast with \(result)")
      }
      result = next
    }
    return result
  }

  /// The shape that both broadcast to; `nil` where they do not.
  public static func combine(_ a: Shape, _ b: Shape) -> Shape? {
    let rank = max(a.rank, b.rank)
    var result = Shape(rank: rank)
    for axis in 0..<rank {
      let i = axis - (rank - a.rank)
      let j = axis - (rank - b.rank)
      guard let dimension = combine(i < 0 ? 1 : a[i], j < 0 ? 1 : b[j]) else { return nil }
      result[axis] = dimension
    }
    return result
  }

  /// A free size against a known one other than 1 is that one, or the run will fail.
  private static func combine(_ a: Dimension, _ b: Dimension) -> Dimension? {
    switch (a, b) {
    case (.size(1), _): b
    case (_, .size(1)): a
    case (.size(let m), .size(let n)): m == n ? a : nil
    case (.size, _): a
    case (_, .size): b
    case (.symbol(let m), .symbol(let n)) where m == n: a
    default: .unknown
    }
  }

  /// Checks that `shape` broadcasts to `target` without changing it.
  public static func require(
    _ shape: Shape?, fits target: Shape?, input: Int
  ) throws(OperatorError) {
    guard let shape, let target else { return }
    let fits =
      shape.rank <= target.rank
      && zip(shape.reversed(), target.reversed()).allSatisfy { own, wanted in
        guard let own = own.size, let wanted = wanted.size else { return true }
        return own == 1 || own == wanted
      }
    guard fits else { throw .input(input, "shape \(shape) does not broadcast to \(target)") }
  }
}

/// How the second operand of a binary operator lies on the first.
public enum OperandAlignment: Sendable {
  /// Since operator set 7: NumPy's rule, both ways.
  case numpy
  /// Before it, without `broadcast`: shapes are equal.
  case none
  /// Before it, with `broadcast`: the second operand's dimensions lie on the first's from this axis
  /// on, or on the last ones.
  case axis(Int?)

  public init(_ node: inout NodeReader) throws(OperatorError) {
    try node.skipConsumedInputs()
    guard node.version < 7 else {
      self = .numpy
      return
    }
    let axis = try node.optionalInt("axis")
    self = try node.flag("broadcast") ? .axis(axis) : .none
  }

  /// The second operand's shape as NumPy's rule wants it.
  public func align(_ b: Shape?, to a: Shape?) throws(OperatorError) -> Shape? {
    guard case .axis(let axis?) = self, let a, var b else { return b }
    let start = axis < 0 ? axis + a.rank : axis
    guard (0...a.rank).contains(start), b.rank <= a.rank - start else {
      throw .input(1, "shape \(b) does not lie on \(a) from axis \(axis) on")
    }
    b.dimensions += Array(repeating: 1, count: a.rank - start - b.rank)
    return b
  }

  /// The result's shape.
  public func shape(_ a: Shape?, _ b: Shape?) throws(OperatorError) -> Shape? {
    switch self {
    case .numpy: return try Broadcast.shape([a, b])
    case .none:
      if let a, let b, a.rank != b.rank { throw .input(1, "expected shape \(a), got \(b)") }
      for (x, y) in zip(a?.dimensions ?? [], b?.dimensions ?? []) {
        if let m = x.size, let n = y.size, m != n, let a, let b {
          throw .input(1, "expected shape \(a), got \(b)")
        }
      }
      return a ?? b
    case .axis:
      try Broadcast.require(align(b, to: a), fits: a, input: 1)
      return a
    }
  }
}
