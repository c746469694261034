import ONNXFormat

extension Inputs {
  /// Checks that an input has this element type and, as far as known, this shape.
  package func check(_ index: Int, isLike shape: Shape?, type: ElementType) throws(OperatorError) {
    let tensor = try tensor(index)
    guard tensor.elementType == type else {
      throw .input(index, "expected the element type \(type), got \(tensor.elementType)")
    }
    guard let shape, let own = tensor.shape else { return }
    let fits =
      own.rank == shape.rank
      && zip(own, shape).allSatisfy { a, b in a.size == nil || b.size == nil || a.size == b.size }
    guard fits else { throw .input(index, "expected shape \(shape), got \(own)") }
  }

  /// Checks that an input has this shape, as far as both are known.
  package func require(_ index: Int, _ expected: Shape) throws(OperatorError) {
    guard let shape = try tensor(index).shape else { return }
    let fits =
      shape.rank == expected.rank
      && zip(shape, expected).allSatisfy { a, b in
        a.size == nil || b.size == nil || a.size == b.size
      }
    guard fits else { throw .input(index, "expected shape \(expected), got \(shape)") }
  }
}
