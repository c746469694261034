import CKernels
import ONNXOperators

/// `Y[rows, columns] = X · Wᵀ + bias` for X in input 0 and rows of W of 4-bit integers, in blocks of a
/// multiple of 32.
///
/// One or two rows multiply the packed integers, which are read once from memory. For more, a thread
/// unpacks some rows of W at a time. The sums have the same order in both cases.
struct NibbleProduct: Sendable {
  let weights: PackedRows
  let rows: Int

  /// The largest number of rows that multiply packed integers.
  private static let mostPackedRows = 2
  /// The number of floats of W that a thread unpacks at a time.
  private static let size = 32_768

  /// - Parameters:
  ///   - zeros: the input with zero points and whether they are packed; `nil` if all are 8
  ///   - bias: the input with a number for each column
  func kernel(_ call: Preparation, zeros: (input: Int, packed: Bool)?, bias: Int?) -> Kernel {
    let (weights, rows) = (weights, rows)
    let (depth, columns) = (weights.depth, weights.rows)
    let padded = weights.blocks * weights.block
    let isPacked = rows <= Self.mostPackedRows
    let group =
      isPacked
      ? max(4, min(columns, 4 * Self.size / padded) / 4 * 4)
      : max(1, min(columns, Self.size / padded / 4 * 4))
    let tasks = rows == 0 ? 0 : (columns + group - 1) / group
    let vectors = Int.work(rows, padded).vectors
    let step = isPacked ? 0 : Int.work(group, padded).vectors
    call.note(
      "4-bit integers, \(isPacked ? "multiplied packed" : "unpacked by \(group) rows"): "
        + "\(rows) × \(depth) × \(columns)")
    let parts: @Sendable (Buffers) -> ck_nibbles = { buffers in
      ck_nibbles(
        codes: buffers.input(weights.codes), scales: buffers.input(weights.scales),
        zeros: zeros.flatMap { $0.packed ? nil : buffers.input($0.input) },
        packed_zeros: zeros.flatMap { $0.packed ? buffers.input($0.input) : nil },
        blocks: weights.blocks, block: weights.block)
    }
    let tile: Buffers.Tile = { buffers, task, thread in
      var p = parts(buffers)
      let x = buffers.scratch.assumingMemoryBound(to: Float.self)
      let first = task * group
      let own = min(group, columns - first)
      let start = bias.map { buffers.input($0, as: Float.self) + first }
      let y = buffers.output(0, as: Float.self) + first
      if isPacked {
        for row in 0..<rows {
          ck_dot_nibbles(&p, x + row * padded, first, own, start, y + row * columns)
        }
        return
      }
      let w = x + vectors + thread * step
      for row in 0..<own { ck_unpack_nibbles(&p, first + row, w + row * padded) }
      ck_dot_rows(x, rows, padded, own, w, start, y, columns)
    }
    let scratch = Int.total(
      Int.work(vectors, MemoryLayout<Float>.stride),
      Int.work(step, MemoryLayout<Float>.stride, call.threads))
    return .compute(scratch: scratch) { buffers in
      let x = buffers.scratch.assumingMemoryBound(to: Float.self)
      for row in 0..<rows {
        ck_part_nibbles(buffers.input(0) + row * depth, depth, padded, x + row * padded)
      }
      buffers.parallel(tasks, tile)
    }
  }
}
