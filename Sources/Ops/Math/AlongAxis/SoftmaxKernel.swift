import CKernels
import ONNXFormat
import ONNXOperators
import RealModule

/// Softmax or log-softmax along an axis.
enum SoftmaxKind {
  /// `e^(x − max) / Σ e^(x − max)`
  case plain
  /// `x − max − ln Σ e^(x − max)`
  case logarithm
}

extension AxisSplit {
  /// The kernel for a floating-point type, or `nil` for any other type.
  func softmaxKernel(_ kind: SoftmaxKind, _ type: ElementType, threads: Int) -> Kernel? {
    switch type {
    case .float32: floatKernel(kind)
    case .float16: halfKernel(Float16.self, kind, threads)
    case .bfloat16: halfKernel(BFloat16.self, kind, threads)
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

  private func halfKernel<T: HalfFloat>(
    _ type: T.Type, _ kind: SoftmaxKind, _ threads: Int
  ) -> Kernel {
    let (size, inner) = (size, inner)
    let bytes = size * 6
    return blockKernel(width: 1, scratch: threads * bytes) { buffers, start, _, thread in
      let x = buffers.input(0, as: T.self) + start
      let y = buffers.output(0, as: T.self) + start
      let wide = (buffers.scratch + thread * bytes).assumingMemoryBound(to: Float.self)
      let half = UnsafeMutableRawPointer(wide + size).assumingMemoryBound(to: T.self)
      for i in 0..<size { half[i] = x[i * inner] }
      T.widen(half, wide, size)
      switch kind {
      case .plain where T.elementType == .float16: softmaxInSteps(wide, half, size)
      case .plain: ck_softmax(wide, wide, 1, size)
      case .logarithm: ck_log_softmax(wide, wide, 1, size)
      }
      T.narrow(wide, half, size)
      for i in 0..<size { y[i * inner] = half[i] }
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

  /// A kernel that passes blocks of up to `width` adjacent lanes to `body`, starting at element
  /// `start`.
  func blockKernel(
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

/// Softmax with every step rounded to 16 bits, as in the function that defines it in the standard.
/// The standard's float16 test cases reject a more exact result.
private func softmaxInSteps<T: HalfFloat>(
  _ x: UnsafeMutablePointer<Float>, _ half: UnsafeMutablePointer<T>, _ count: Int
) {
  func round() {
    T.narrow(x, half, count)
    T.widen(half, x, count)
  }
  var greatest = ck_reduce_max(x, count, -.infinity)
  ck_sub(x, 1, &greatest, 0, x, count)
  round()
  ck_exp(x, x, count)
  round()
  var sum = T(compute: Float(ck_reduce_sum(x, count))).compute
  ck_div(x, 1, &sum, 0, x, count)
}
