import CKernels
import ONNXOperators

/// A linear layer of each expert: weights `[experts, rows, depth]` in float32 or packed, and optionally
/// a bias `[experts, rows]`.
struct ExpertLayer: Sendable {
  let rows: Int
  let depth: Int
  let bias: Int?
  let weights: Weights

  enum Weights: Sendable {
    case floats(input: Int)
    /// The rows of all experts, one after the other.
    case packed(PackedRows, PackedRows.Zeros)
  }

  /// The number of rows of W that a thread multiplies at a time.
  var group: Int { max(1, min(rows, 32_768 / max(depth, 1) / 4 * 4)) }
  /// The number of such groups.
  var groups: Int { (rows + group - 1) / group }
  /// The number of floats that a thread needs.
  var floats: Int {
    if case .packed = weights { Int.work(group, depth).vectors } else { 0 }
  }

  /// Multiplies `count` vectors by the rows of a group of one expert's weights.
  /// - Parameter y: `[count, rows]`
  func multiply(
    _ x: UnsafePointer<Float>, _ count: Int, expert: Int, group index: Int, _ buffers: Buffers,
    _ spare: UnsafeMutablePointer<Float>, _ y: UnsafeMutablePointer<Float>
  ) {
    let first = index * group
    let own = min(group, rows - first)
    let row = expert * rows + first
    let w: UnsafePointer<Float>
    switch weights {
    case .floats(let input): w = buffers.input(input, as: Float.self) + row * depth
    case .packed(let packed, let zeros):
      for i in 0..<own {
        packed.unpack(row + i, buffers, zeros, groups: nil, spare + i * depth)
      }
      w = UnsafePointer(spare)
    }
    ck_dot_rows(
      x, count, depth, own, w, bias.map { buffers.input($0, as: Float.self) + row }, y + first,
      rows)
  }
}
