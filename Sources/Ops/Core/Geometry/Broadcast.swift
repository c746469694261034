import ONNXFormat

/// NumPy's broadcasting: shapes are aligned at their last dimensions, and a dimension that is missing
/// or has size 1 stretches to the size of the others.
public enum Broadcast {
  /// The shape that all shapes broadcast to; `nil` if the rank of one is unknown.
  /// - Throws: `OperatorError.input` for the first shape that does not broadcast with those before it
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

  /// The shape that both shapes broadcast to; `nil` if there is none.
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

  /// An unknown size combined with a known one other than 1 gives the known one: the run fails for any
  /// other.
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

  /// Checks that `shape` broadcasts to `target`, as far as both are known.
  /// - Throws: `OperatorError.input` if it does not
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

/// The alignment of the second operand of a binary operator with the first.
public enum OperandAlignment: Sendable {
  /// NumPy's rule for both operands, since operator set 7.
  case numpy
  /// Equal shapes: before operator set 7, without the attribute `broadcast`.
  case none
  /// The dimensions of the second operand are aligned with those of the first from this axis on, or
  /// with the last ones for `nil`: before operator set 7, with the attribute `broadcast`.
  case axis(Int?)

  /// Reads the attributes `axis` and `broadcast` of versions before 7.
  public init(_ node: inout NodeReader) throws(OperatorError) {
    try node.skipConsumedInputs()
    guard node.version < 7 else {
      self = .numpy
      return
    }
    let axis = try node.optionalInt("axis")
    self = try node.flag("broadcast") ? .axis(axis) : .none
  }

  /// The shape of the second operand, with dimensions appended so that it broadcasts by NumPy's rule.
  /// - Throws: `OperatorError.input` if it does not fit
  public func align(_ b: Shape?, to a: Shape?) throws(OperatorError) -> Shape? {
    guard case .axis(let axis?) = self, let a, var b else { return b }
    let start = axis < 0 ? axis + a.rank : axis
    guard (0...a.rank).contains(start), b.rank <= a.rank - start else {
      throw .input(1, "shape \(b) does not fit shape \(a) from axis \(axis) on")
    }
    b.dimensions += Array(repeating: 1, count: a.rank - start - b.rank)
    return b
  }

  /// The shape of the result; `nil` if unknown.
  /// - Throws: `OperatorError.input` for shapes that do not go together
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
