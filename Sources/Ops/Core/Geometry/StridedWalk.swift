import ONNXFormat

/// Offsets in up to four tensors along nested dimensions, in row-major order of the dimensions.
package struct StridedWalk: Sendable {
  /// The number of positions.
  package let count: Int
  private let sizes: [Int]
  private let strides: [SIMD4<Int>]

  /// A walk through nested dimensions.
  ///
  /// - Parameters:
  ///   - sizes: the sizes of the dimensions, the innermost first
  ///   - strides: the stride of each tensor along each dimension, in elements
  package init(innermostFirst sizes: [Int], _ strides: [SIMD4<Int>]) {
    self.sizes = sizes
    self.strides = strides
    count = sizes.elementCount ?? 0
  }

  /// The offset in each tensor at a position.
  package func places(_ index: Int) -> SIMD4<Int> {
    var places = SIMD4<Int>.zero
    var rest = index
    for axis in sizes.indices {
      places &+= strides[axis] &* (rest % max(sizes[axis], 1))
      rest /= max(sizes[axis], 1)
    }
    return places
  }

  /// Calls `body` with each position of a range and the offset in each tensor there.
  package func forEach(_ range: Range<Int>, _ body: (_ index: Int, _ places: SIMD4<Int>) -> Void) {
    if sizes.isEmpty {
      for index in range { body(index, .zero) }
      return
    }
    withUnsafeTemporaryAllocation(of: Int.self, capacity: sizes.count) { index in
      var places = SIMD4<Int>.zero
      var rest = range.lowerBound
      for axis in sizes.indices {
        index[axis] = rest % max(sizes[axis], 1)
        rest /= max(sizes[axis], 1)
        places &+= strides[axis] &* index[axis]
      }
      for number in range {
        body(number, places)
        for axis in sizes.indices {
          index[axis] &+= 1
          places &+= strides[axis]
          if index[axis] < sizes[axis] { break }
          places &-= strides[axis] &* sizes[axis]
          index[axis] = 0
        }
      }
    }
  }
}
