import ONNXFormat
import ONNXOperators

/// The memory layout of a reduction over some axes: which elements contribute to each result.
/// Adjacent axes of the same kind are merged.
struct Reduction: Sendable {
  /// The number of results, and the number of elements reduced to each.
  let outputs: Int
  let inputsPerOutput: Int
  /// Whether the last axis is reduced. If so, the elements of a result form contiguous runs;
  /// otherwise results form rows.
  let isInnermost: Bool
  /// The number of elements in a run, or of results in a row.
  let length: Int
  /// The starts of the results, or of rows of results.
  let kept: StridedWalk
  /// The starts of a result's runs, or of its groups of rows.
  let reduced: StridedWalk
  /// Whether each result is reduced from one run, and the runs lie one behind the other.
  let areRuns: Bool
  /// The number of rows in a group and the distance between them; 1 and 0 for runs.
  let rows: Int
  let rowStride: Int

  /// - Precondition: `axes` are axes of `sizes`.
  init(_ sizes: [Int], over axes: Set<Int>) {
    outputs = sizes.indices.lazy.filter { !axes.contains($0) }.map { sizes[$0] }.elementCount ?? 0
    inputsPerOutput =
      sizes.indices.lazy.filter { axes.contains($0) }.map { sizes[$0] }.elementCount ?? 0

    var groups: [(size: Int, stride: Int, isReduced: Bool)] = []
    var stride = 1
    // A kept axis of size 1, such as a batch of one sample, must separate reduced axes exactly as a
    // larger one does, so that bits do not depend on its size.
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
    areRuns = isInnermost && groups.allSatisfy { !$0.isReduced } && groups.count <= 1
    func walk(_ isReduced: Bool) -> StridedWalk {
      let chosen = groups.filter { $0.isReduced == isReduced }
      return StridedWalk(
        innermostFirst: chosen.map(\.size), chosen.map { SIMD4($0.stride, 0, 0, 0) })
    }
    kept = walk(false)
    reduced = walk(true)
  }
}
