import ONNXFormat

/// A tensor seen along one axis: `[outer, size, inner]`.
public struct AxisSplit: Sendable {
  public let outer: Int
  public let size: Int
  public let inner: Int
  /// How many lanes lie along the axis.
  public let lanes: Int

  /// Sizes whose product overflows belong to a tensor without elements, as far as one exists.
  /// - Precondition: `axis` is one of `sizes`.
  public init(_ sizes: [Int], axis: Int) {
    outer = sizes[..<axis].elementCount ?? 0
    size = sizes[axis]
    inner = sizes[(axis + 1)...].elementCount ?? 0
    lanes = [outer, inner].elementCount ?? 0
  }

  /// The parts before and from `axis` on: `[outer, size, 1]`.
  public init(_ sizes: [Int], coercedAt axis: Int) {
    outer = sizes[..<axis].elementCount ?? 0
    size = sizes[axis...].elementCount ?? 0
    inner = 1
    lanes = outer
  }
}

/// The axis counted from 0, for one that may be negative.
public func normalized(axis: Int, rank: Int) throws(OperatorError) -> Int {
  guard -rank <= axis, axis < rank else {
    throw .invalid("axis \(axis) is beyond the rank, \(rank)")
  }
  return axis < 0 ? axis + rank : axis
}
