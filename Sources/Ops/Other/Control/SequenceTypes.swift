import ONNXFormat
import ONNXOperators
import ONNXShape

extension Inputs {
  /// The type of the elements of a sequence; `nil` if unknown.
  func sequenceElement(_ index: Int) throws(OperatorError) -> ValueType? {
    let type = try type(index)
    guard case .sequence(let element) = type.kind else {
      throw .input(index, "expected a sequence, got \(type)")
    }
    return element
  }
}

extension Call {
  /// An input that must be a sequence.
  func sequence(_ index: Int) throws(OperatorError) -> SequenceValue {
    let value = try value(index)
    guard case .sequence(let sequence) = value else {
      throw .input(index, "expected a sequence, got \(value.type)")
    }
    return sequence
  }

  /// The elements of an input that must be a sequence of tensors.
  func tensors(_ index: Int) throws(OperatorError) -> [Tensor] {
    var tensors: [Tensor] = []
    for value in try sequence(index).elements {
      guard let tensor = value.tensor else {
        throw .input(index, "expected tensors, got \(value.type)")
      }
      tensors.append(tensor)
    }
    return tensors
  }

  /// The position that an input holds, which counts from the end if negative.
  /// - Parameters:
  ///   - count: the number of elements
  ///   - allowsEnd: whether the position after the last element is allowed
  func position(
    _ index: Int, among count: Int, allowsEnd: Bool = false
  ) throws(OperatorError) -> Int {
    let tensor = try tensor(index)
    guard tensor.count == 1, let given = tensor.integers?.first else {
      throw .input(index, "expected one integer, got \(tensor.type)")
    }
    let position = given < 0 ? given &+ count : given
    guard position >= 0, position < count || (allowsEnd && position == count) else {
      throw .input(index, "position \(given) is out of bounds for \(count) elements")
    }
    return position
  }
}

extension ValueType {
  /// The type that describes elements of this type and of `other`.
  /// - Throws: `OperatorError.input` if a sequence cannot hold both
  func joined(_ other: ValueType?, input: Int) throws(OperatorError) -> ValueType {
    guard let other, other.kind != .undefined, kind != .undefined else { return self }
    if let a = tensorType, let b = other.tensorType, a.elementType != b.elementType,
      b.elementType != .undefined
    {
      throw .input(
        input, "expected \(b.elementType), the element type of the sequence, got \(a.elementType)")
    }
    guard let type = join(self, other) ?? tensorType.map({ .tensor($0.elementType, nil) }) else {
      throw .input(
        input, "expected \(other), the type of the elements of the sequence, got \(self)")
    }
    return type
  }
}
