import CKernels
import ONNXOperators

/// `Y[rows, columns] = X · Wᵀ + bias` for X in input 0 and a W `[columns, depth]` that is unpacked to
/// float32 a few rows at a time, so that it stays packed in memory.
struct UnpackedProduct: Sendable {
  let rows: Int
  let columns: Int
  let depth: Int

  /// The number of floats of W that a thread unpacks at a time.
  private static let size = 32_768

  /// - Parameters:
  ///   - bias: the input with a number for each column
  ///   - check: checks the inputs before the threads start
  ///   - unpack: writes a row of W
  func kernel(
    _ call: Preparation, bias: Int?,
    check: @escaping @Sendable (Buffers) throws(OperatorError) -> Void = { _ in },
    unpack:
      @escaping @Sendable (
        _ row: Int, _ buffers: Buffers, _ y: UnsafeMutablePointer<Float>
      ) -> Void
  ) -> Kernel {
    let (rows, columns, depth) = (rows, columns, depth)
    let group = max(1, min(columns, Self.size / max(depth, 1) / 4 * 4))
    let step = Int.work(group, depth).vectors
    let tasks = rows == 0 ? 0 : (columns + group - 1) / group
    call.note("W unpacked by \(group) rows: \(rows) × \(depth) × \(columns)")
    let tile: Buffers.Tile = { buffers, task, thread in
      let first = task * group
      let own = min(group, columns - first)
      let w = buffers.scratch.assumingMemoryBound(to: Float.self) + thread * step
      for row in 0..<own { unpack(first + row, buffers, w + row * depth) }
      ck_dot_rows(
        buffers.input(0), rows, depth, own, w,
        bias.map { buffers.input($0, as: Float.self) + first },
        buffers.output(0, as: Float.self) + first, columns)
    }
    let scratch = Int.work(step, MemoryLayout<Float>.stride, call.threads)
    return .compute(scratch: scratch) { buffers throws(OperatorError) in
      try check(buffers)
      buffers.parallel(tasks, tile)
    }
  }
}
