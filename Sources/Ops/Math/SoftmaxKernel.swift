import CKernels
import ONNXFormat
import RealModule

/// Softmax or its logarithm along an axis.
enum SoftmaxKind {
  /// `e^(x − max) / Σ e^(x − max)`
  case plain
  /// `x − max − ln Σ e^(x − max)`
  case logarithm
}

extension AxisSplit {
  /// The kernel for a floating-point type; `nil` for others.
  func softmaxKernel(_ kind: SoftmaxKind, _ type: ElementType, threads: Int) -> Kernel? {
    switch type {
    case .float32: floatKernel(kind)
    case .float16: narrowKernel(Float16.self, kind, threads)
    case .bfloat16: narrowKernel(BFloat16.self, kind, threads)
    case .float64: doubleKernel(kind)
    default: nil
    }
  }

  private func floatKernel(_ kind: SoftmaxKind) -> Kernel {
    let (outer, size, inner) = (outer, size, inner)
    if inner == 1 {
      let rowsPerTask = max(1, 4096 / max(size, 1))
      let loop = kind == .plain ? ck_softmax : ck_log_softmax
      let tile: Buffers.Tile = { buffers, task, _ in
        let first = task * rowsPerTask
        loop(
          buffers.input(0) + first * size, buffers.output(0) + first * size,
          min(rowsPerTask, outer - first), size)
      }
      let tasks = size == 0 ? 0 : (outer + rowsPerTask - 1) / rowsPerTask
      return .compute { buffers in buffers.parallel(tasks, tile) }
    }
    let loop = kind == .plain ? ck_softmax_columns : ck_log_softmax_columns
    return blockKernel(width: 64) { buffers, start, columns, _ in
      loop(buffers.input(0) + start, buffers.output(0) + start, size, inner, columns)
    }
  }

  private func narrowKernel<T: NarrowFloat>(
    _ type: T.Type, _ kind: SoftmaxKind, _ threads: Int
  ) -> Kernel {
    let (size, inner) = (size, inner)
    let width = min(inner, 64)
    let loop = kind == .plain ? ck_softmax_columns : ck_log_softmax_columns
    let rowLoop = kind == .plain ? ck_softmax : ck_log_softmax
    return blockKernel(width: width, scratch: threads * size * width * 4) {
      buffers, start, columns, thread in
      let x = buffers.input(0, as: T.self) + start
      let y = buffers.output(0, as: T.self) + start
      let wide = buffers.scratch.assumingMemoryBound(to: Float.self) + thread * size * width
      if inner == 1 {
        T.widen(x, wide, size)
        rowLoop(wide, wide, 1, size)
        T.narrow(wide, y, size)
      } else {
        for i in 0..<size { T.widen(x + i * inner, wide + i * columns, columns) }
        loop(wide, wide, size, columns, columns)
        for i in 0..<size { T.narrow(wide + i * columns, y + i * inner, columns) }
      }
    }
  }

  private func doubleKernel(_ kind: SoftmaxKind) -> Kernel {
    let (size, inner) = (size, inner)
    return blockKernel(width: 1) { buffers, start, _, _ in
      let x = buffers.input(0, as: Double.self) + start
      let y = buffers.output(0, as: Double.self) + start
      var greatest = -Double.infinity
      for i in 0..<size {
        let value = x[i * inner]
        greatest = greatest > value || greatest.isNaN ? greatest : value
      }
      var sum = 0.0
      for i in 0..<size { sum += .exp(x[i * inner] - greatest) }
      let logarithm = Double.log(sum)
      for i in 0..<size {
        let shifted = x[i * inner] - greatest
        y[i * inner] = kind == .plain ? .exp(shifted) / sum : shifted - logarithm
      }
    }
  }

  /// A kernel that takes at most `width` adjacent lanes at a time, from element `start` on.
  private func blockKernel(
    width: Int, scratch: Int = 0,
    _ body:
      @escaping @Sendable (
        _ buffers: Buffers, _ start: Int, _ columns: Int, _ thread: Int
      ) -> Void
  ) -> Kernel {
    let (size, inner) = (size, inner)
    guard lanes > 0, size > 0 else { return .compute { _ in } }
    let blocks = (inner - 1) / width + 1
    let tasks = outer * blocks
    let blocksPerTask = max(1, 4096 / (size * width))
    let tile: Buffers.Tile = { buffers, task, thread in
      for block in task * blocksPerTask..<min(tasks, (task + 1) * blocksPerTask) {
        let column = block % blocks * width
        body(buffers, block / blocks * size * inner + column, min(width, inner - column), thread)
      }
    }
    let tileCount = (tasks - 1) / blocksPerTask + 1
    return .compute(scratch: scratch) { buffers in buffers.parallel(tileCount, tile) }
  }
}
