import ONNXFormat
import ONNXOperators

extension AxisSplit {
  /// A kernel that maps each lane of input 0 to a lane of output 0; `body` receives the first
  /// element of both.
  /// - Parameter outputsPerLane: The length of an output lane, by default that of an input lane.
  func laneKernel<X, Y>(
    outputsPerLane: Int? = nil,
    _ body: @escaping @Sendable (_ x: UnsafePointer<X>, _ y: UnsafeMutablePointer<Y>) -> Void
  ) -> Kernel {
    let lanes = size == 0 ? 0 : lanes
    let lanesPerTask = max(1, 16384 / max(size, 1))
    let results = outputsPerLane ?? size
    let tile: Buffers.Tile = { buffers, task, _ in
      let x = buffers.input(0, as: X.self)
      let y = buffers.output(0, as: Y.self)
      for lane in task * lanesPerTask..<min(lanes, (task + 1) * lanesPerTask) {
        let (row, column) = (lane / inner, lane % inner)
        body(x + row * size * inner + column, y + row * results * inner + column)
      }
    }
    let tasks = (lanes + lanesPerTask - 1) / lanesPerTask
    return .compute { buffers in buffers.parallel(tasks, tile) }
  }
}

/// The index of the best element, the first one if several are equally good.
@inline(__always)
func indexOfBest<T>(
  _ x: UnsafePointer<T>, _ count: Int, stride: Int, _ isBetter: (T, T) -> Bool
) -> Int {
  var best = 0
  var value = x[0]
  for i in 0..<count where isBetter(x[i * stride], value) {
    best = i
    value = x[i * stride]
  }
  return best
}
