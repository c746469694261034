import ComplexModule
import ONNX
import Testing

@Suite struct TensorTests {
  @Test func elementsKeepTheirMemory() {
    weak var memory: TensorStorage?
    func elements() -> TensorElements<Float> {
      let tensor = Tensor(shape: [3], [1, 2, 3] as [Float])
      memory = tensor.storage
      return tensor.elements(as: Float.self)
    }
    let numbers = elements()
    #expect(memory != nil)
    #expect(numbers.elementsEqual([1, 2, 3]))
    #expect(Array(numbers.suffix(2)) == [2, 3])
    #expect(numbers.withUnsafeBufferPointer { $0.count } == 3)
  }

  /// Checks that each element of the result is the one at `index · strides` of the source.
  private func checkGather<T: Element>(
    _ shape: [Int], _ strides: [Int], _ element: (Int) -> T,
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let size = zip(shape, strides).reduce(1) { $0 + max($1.0 - 1, 0) * $1.1 }
    let source = Tensor(shape: [size], (0..<size).map(element))
    let result = try Tensor(uninitialized: T.elementType, shape: shape)
    result.gather(source.storage.pointer, strides: strides)
    let expected = (0..<result.count).map { place in
      var (rest, from) = (place, 0)
      for axis in shape.indices.reversed() {
        from += rest % shape[axis] * strides[axis]
        rest /= shape[axis]
      }
      return element(from)
    }
    #expect(result == Tensor(shape: shape, expected), sourceLocation: sourceLocation)
  }

  @Test func gatheredElementsLieInRowMajorOrder() throws {
    let orders: [(shape: [Int], strides: [Int])] = [
      ([], []), ([1], [7]), ([5], [1]), ([5], [3]), ([0, 3], [3, 1]), ([4, 1, 3], [3, 99, 1]),
      // Transposed, with sizes that are and are not multiples of the block.
      ([32, 16], [1, 32]), ([37, 19], [1, 37]), ([3, 18, 2, 21], [756, 1, 378, 18]),
      ([2, 17, 3], [1, 2, 34]), ([20, 2, 17], [2, 1, 40]),
      // With gaps, with elements that occur twice, and without adjacent elements.
      ([3, 4], [10, 2]), ([3, 4], [0, 1]), ([3, 4], [1, 0]), ([18, 18], [1, 1]),
      ([2, 3, 4, 5], [2, 4, 12, 48]),
    ]
    for (shape, strides) in orders {
      try checkGather(shape, strides) { UInt8(truncatingIfNeeded: $0) }
      try checkGather(shape, strides) { Int16($0) }
      try checkGather(shape, strides) { Float($0) }
      try checkGather(shape, strides) { Int64($0) }
      try checkGather(shape, strides) { Complex(Double($0), -1) }
      try checkGather(shape, strides) { "\($0)" }
    }
  }
}
