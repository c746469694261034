import ONNXFormat
import ONNXOperators

/// Where the elements lie that make up each result of a reduction over some axes. Adjacent axes of
/// one kind become one.
struct Reduction: Sendable {
  /// How many results there are, and how many elements make one.
  let outputs: Int
  let inputsPerOutput: Int
  /// Whether the last axis is reduced: a result's elements then lie in runs, otherwise results lie
  /// in rows.
  let isInnermost: Bool
  /// Elements of a run, or results of a row.
  let length: Int
  /// Where results, or rows of them, begin.
  let kept: StridedWalk
  /// Where a result's runs, or groups of rows, begin.
  let reduced: StridedWalk
  /// Rows of a group, and how far apart they are; 1 and 0 for runs.
  let rows: Int
  let rowStride: Int

  /// - Precondition: `axes` are axes of `sizes`.
  init(_ sizes: [Int], over axes: Set<Int>) {
    outputs = sizes.indices.lazy.filter { !axes.contains($0) }.map { sizes[$0] }.elementCount ?? 0
    inputsPerOutput =
      sizes.indices.lazy.filter { axes.contains($0) }.map { sizes[$0] }.elementCount ?? 0

    var groups: [(size: Int, stride: Int, isReduced: Bool)] = []
    var stride = 1
    // A kept axis of one element, as that of samples may be, parts reduced axes like one of many.
    var isParted = false
    for axis in sizes.indices.reversed() {
      let isReduced = axes.contains(axis)
      if sizes[axis] == 1 {
        isParted = isParted || !isReduced
        continue
      }
      if isParted, isReduced, groups.last?.isReduced == true { groups.append((1, stride, false)) }
      isParted = false
      if let last = groups.last, last.isReduced == isReduced {
        groups[groups.count - 1].size &*= sizes[axis]
      } else {
        groups.append((sizes[axis], stride, isReduced))
      }
      stride &*= sizes[axis]
    }
    let inner = groups.isEmpty ? (size: 1, stride: 1, isReduced: true) : groups.removeFirst()
    isInnermost = inner.isReduced
    length = inner.size
    var rows = 1
    var rowStride = 0
    if !inner.isReduced, let next = groups.first {
      (rows, rowStride) = (next.size, next.stride)
      groups.removeFirst()
    }
    self.rows = rows
    self.rowStride = rowStride
    func walk(_ isReduced: Bool) -> StridedWalk {
      let chosen = groups.filter { $0.isReduced == isReduced }
      return StridedWalk(
        innermostFirst: chosen.map(\.size), chosen.map { SIMD4($0.stride, 0, 0, 0) })
    }
    kept = walk(false)
    reduced = walk(true)
  }
}
