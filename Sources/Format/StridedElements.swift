extension Tensor {
  /// Fills a tensor that nobody else has seen with elements which lie so many elements apart.
  /// - Precondition: all of them lie in the memory behind `source`, as elements lie in a tensor's.
  package func gather(_ source: UnsafeRawPointer, strides: [Int]) {
    guard count > 0 else { return }
    switch elementType.stride {
    case _ where elementType == .string: gather(String.self, source, strides)
    case 1: gather(UInt8.self, source, strides)
    case 2: gather(UInt16.self, source, strides)
    case 4: gather(UInt32.self, source, strides)
    case 8: gather(UInt64.self, source, strides)
    default: gather((UInt64, UInt64).self, source, strides)
    }
  }

  private func gather<T>(_ type: T.Type, _ source: UnsafeRawPointer, _ strides: [Int]) {
    var outer = StridedAxis.all(shape, from: strides)
    let columns = outer.popLast() ?? StridedAxis(size: 1, from: 1, to: 1)
    // Where neighbours of the source are neighbours along another axis, both sides are gone through
    // in blocks of a cache line or so.
    let neighbours = columns.from == 1 ? nil : outer.lastIndex { $0.from == 1 }
    let rows =
      neighbours.map { outer.remove(at: $0) } ?? outer.popLast()
      ?? StridedAxis(size: 1, from: 0, to: 0)
    let side = neighbours == nil ? max(rows.size, columns.size) : 16
    var from = source.assumingMemoryBound(to: T.self)
    var to = storage.pointer.assumingMemoryBound(to: T.self)
    for _ in 0..<count / (rows.size * columns.size) {
      for top in stride(from: 0, to: rows.size, by: side) {
        for left in stride(from: 0, to: columns.size, by: side) {
          for row in top..<min(top + side, rows.size) {
            let (x, y) = (from + row * rows.from, to + row * rows.to)
            for column in left..<min(left + side, columns.size) {
              y[column * columns.to] = x[column * columns.from]
            }
          }
        }
      }
      for axis in outer.indices.reversed() {
        from += outer[axis].from
        to += outer[axis].to
        outer[axis].index += 1
        if outer[axis].index < outer[axis].size { break }
        from -= outer[axis].size * outer[axis].from
        to -= outer[axis].size * outer[axis].to
        outer[axis].index = 0
      }
    }
  }
}

/// An axis of a copy: how far apart neighbours lie on both sides.
private struct StridedAxis {
  var size: Int
  var from: Int
  var to: Int
  var index = 0

  /// Those of more than one element, in a target in row-major order.
  static func all(_ shape: [Int], from strides: [Int]) -> [StridedAxis] {
    var axes: [StridedAxis] = []
    var step = 1
    for (size, stride) in zip(shape, strides).reversed() where size != 1 {
      axes.append(StridedAxis(size: size, from: stride, to: step))
      step *= size
    }
    return axes.reversed()
  }
}
