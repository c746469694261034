/// An index or a range of indices along one axis of a tensor: an `Int`, any range of `Int`, or `.all`.
///
/// A negative index counts from the end of the axis: -1 is its last element.
public protocol TensorIndex: Sendable {
  /// The indices of an axis of that size.
  /// - Precondition: they are in range.
  func resolved(in size: Int, axis: Int) -> AxisIndices
}

/// The chosen indices of an axis.
public struct AxisIndices: Sendable {
  let range: Range<Int>
  let dropsAxis: Bool

  /// The indices of a range, with negative bounds counted from the end.
  fileprivate init(_ lower: Int, _ upper: Int, of size: Int, axis: Int, dropsAxis: Bool = false) {
    let first = lower < 0 ? lower + size : lower
    let end = upper < 0 ? upper + size : upper
    precondition(
      first >= 0 && first <= end && end <= size,
      dropsAxis
        ? "index \(lower) is out of range for axis \(axis), which has size \(size)"
        : "the range \(lower)..<\(upper) is out of range for axis \(axis), which has size \(size)")
    range = first..<end
    self.dropsAxis = dropsAxis
  }
}

extension Int: TensorIndex {
  /// One index. The axis is dropped.
  public func resolved(in size: Int, axis: Int) -> AxisIndices {
    // The index after -1 is the end, not 0.
    let index = self < 0 ? self + size : self
    precondition(
      (0..<size).contains(index),
      "index \(self) is out of range for axis \(axis), which has size \(size)")
    return AxisIndices(index, index + 1, of: size, axis: axis, dropsAxis: true)
  }
}

extension Range<Int>: TensorIndex {
  /// The indices of the range.
  public func resolved(in size: Int, axis: Int) -> AxisIndices {
    AxisIndices(lowerBound, upperBound, of: size, axis: axis)
  }
}

extension ClosedRange<Int>: TensorIndex {
  /// The indices of the range.
  public func resolved(in size: Int, axis: Int) -> AxisIndices {
    AxisIndices(lowerBound, upperBound == -1 ? size : upperBound + 1, of: size, axis: axis)
  }
}

extension PartialRangeFrom<Int>: TensorIndex {
  /// The indices from the bound on.
  public func resolved(in size: Int, axis: Int) -> AxisIndices {
    AxisIndices(lowerBound, size, of: size, axis: axis)
  }
}

extension PartialRangeUpTo<Int>: TensorIndex {
  /// The indices before the bound.
  public func resolved(in size: Int, axis: Int) -> AxisIndices {
    AxisIndices(0, upperBound, of: size, axis: axis)
  }
}

extension PartialRangeThrough<Int>: TensorIndex {
  /// The indices up to the bound.
  public func resolved(in size: Int, axis: Int) -> AxisIndices {
    AxisIndices(0, upperBound == -1 ? size : upperBound + 1, of: size, axis: axis)
  }
}

/// All indices of an axis.
public struct AllIndices: TensorIndex {
  /// All indices of the axis.
  public func resolved(in size: Int, axis: Int) -> AxisIndices {
    AxisIndices(0, size, of: size, axis: axis)
  }
}

extension TensorIndex where Self == AllIndices {
  /// All indices of the axis.
  public static var all: AllIndices { AllIndices() }
}

extension Tensor {
  /// A part of the tensor, which is copied.
  ///
  /// An integer chooses one index and drops its axis; ranges and `.all` keep it. Axes without an index
  /// stay whole. As in NumPy, -1 is the last index of an axis:
  ///
  /// ```swift
  /// x[0]              // the first image of [N,3,224,224]: [3,224,224]
  /// x[0, ..<1]        // its first channel: [1,224,224]
  /// x[.all, 2, 8...]  // [N,216,224]
  /// x[0, 0, 0, -1]    // one element: []
  /// ```
  /// - Precondition: the indices are in range, and there are at most as many as axes.
  public subscript(indices: any TensorIndex...) -> Tensor { part(indices) }

  /// A part of the tensor with as many whole axes in front as the indices leave: `x[..., 0]` is the
  /// first index of the last axis, as in NumPy. `x[...]` is the tensor.
  /// - Precondition: the indices are in range, and there are at most as many as axes.
  public subscript(leading: UnboundedRange, indices: any TensorIndex...) -> Tensor {
    part(Array(repeating: .all, count: max(0, rank - indices.count)) + indices)
  }

  private func part(_ indices: [any TensorIndex]) -> Tensor {
    precondition(
      indices.count <= rank, "\(indices.count) indices for a tensor of rank \(rank), \(type)")
    let chosen = zip(indices, shape).enumerated().map { $1.0.resolved(in: $1.1, axis: $0) }
    let kept = zip(chosen, shape).enumerated().filter { $1.0.range != 0..<$1.1 }.map(\.offset)
    let ends = { (end: (Range<Int>) -> Int) in Tensor(kept.map { end(chosen[$0].range) }) }
    do {
      let sliced =
        kept.isEmpty
        ? self : try evaluate("Slice", [ends(\.lowerBound), ends(\.upperBound), Tensor(kept)])
      let dropped = Set(chosen.indices.filter { chosen[$0].dropsAxis })
      let axes = sliced.shape.indices.filter { !dropped.contains($0) }
      return try sliced.reshaped(to: axes.map { sliced.shape[$0] })
    } catch {
      preconditionFailure("a part of \(type): \(error)")
    }
  }
}
