import ONNXFormat

/// The shape of a tensor reduced to three dimensions around an axis, `[outer, size, inner]`.
package struct AxisSplit: Sendable {
  /// The product of the sizes before the axis.
  package let outer: Int
  /// The size of the axis.
  package let size: Int
  /// The product of the sizes after the axis.
  package let inner: Int
  /// The number of lanes along the axis, `outer · inner`.
  package let lanes: Int

  /// Splits at an axis. A product that overflows is 0: such a tensor exists only without elements.
  /// - Precondition: `axis` is an index of `sizes`
  package init(_ sizes: [Int], axis: Int) {
    outer = sizes[..<axis].elementCount ?? 0
    size = sizes[axis]
    inner = sizes[(axis + 1)...].elementCount ?? 0
    lanes = [outer, inner].elementCount ?? 0
  }

  /// Splits into the dimensions before `axis` and those from `axis` on: `[outer, size, 1]`.
  package init(_ sizes: [Int], coercedAt axis: Int) {
    outer = sizes[..<axis].elementCount ?? 0
    size = sizes[axis...].elementCount ?? 0
    inner = 1
    lanes = outer
  }
}

/// An axis counted from 0, for one that counts from the end if negative.
/// - Throws: `OperatorError.invalid` for an axis out of range
public func normalized(axis: Int, rank: Int) throws(OperatorError) -> Int {
  guard -rank <= axis, axis < rank else {
    throw .invalid("axis \(axis) is out of range for rank \(rank)")
  }
  return axis < 0 ? axis + rank : axis
}
