import ONNXFormat
import ONNXOperators

extension AxisSplit {
  /// A kernel that maps each lane of input 0 to the same lane of output 0; `body` receives the first
  /// element of both.
  func laneKernel<X, Y>(
    _ body: @escaping @Sendable (_ x: UnsafePointer<X>, _ y: UnsafeMutablePointer<Y>) -> Void
  ) -> Kernel {
    let lanes = size == 0 ? 0 : lanes
    let lanesPerTask = max(1, 16384 / max(size, 1))
    let tile: Buffers.Tile = { buffers, task, _ in
      let x = buffers.input(0, as: X.self)
      let y = buffers.output(0, as: Y.self)
      for lane in task * lanesPerTask..<min(lanes, (task + 1) * lanesPerTask) {
        let (row, column) = (lane / inner, lane % inner)
        let start = row * size * inner + column
        body(x + start, y + start)
      }
    }
    let tasks = (lanes + lanesPerTask - 1) / lanesPerTask
    return .compute { buffers in buffers.parallel(tasks, tile) }
  }
}
