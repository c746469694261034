extension Tensor {
  /// Writes all elements of the tensor: that at index `i` is the one at `Σ i[axis] · strides[axis]` of
  /// `source`. Strides count elements.
  /// - Precondition: no other tensor shares the memory; all places lie in the memory at `source`, in
  ///   which elements are stored as in a tensor.
  package func gather(_ source: UnsafeRawPointer, strides: [Int]) {
    guard count > 0 else { return }
    if elementType == .string { return gather(String.self, source, strides) }
    let gathering = Gathering(target: self, source: source, strides: strides)
    if ElementType.dispatchWord(bytes: elementType.stride, to: gathering, ()) == nil {
      gather((UInt64, UInt64).self, source, strides)
    }
  }

  /// `gather` for elements of any type of 1, 2, 4 or 8 bytes.
  private struct Gathering: WordVisitor {
    let target: Tensor
    let source: UnsafeRawPointer
    let strides: [Int]

    func visit<T: Element & FixedWidthInteger & UnsignedInteger>(_ type: T.Type, _: Void) {
      target.gather(type, source, strides)
    }
  }

  private func gather<T>(_ type: T.Type, _ source: UnsafeRawPointer, _ strides: [Int]) {
    var outer = StridedAxis.all(shape, from: strides)
    let columns = outer.popLast() ?? StridedAxis(size: 1, from: 1, to: 1)
    // Elements that are adjacent in the source along another axis are copied in blocks of about a
    // cache line, so that both sides use their cache lines while they are loaded.
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

/// An axis of a copy: the distance of adjacent elements in the source and in the target.
private struct StridedAxis {
  var size: Int
  var from: Int
  var to: Int
  var index = 0

  /// The axes of more than one element, for a target in row-major order.
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
