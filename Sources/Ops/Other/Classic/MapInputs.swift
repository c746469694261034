import ONNXFormat
import ONNXOperators
import ONNXShape

extension Inputs {
  /// The key type of a map, and the element type of its values; `nil` if unknown.
  func mapTypes(_ index: Int) throws(OperatorError) -> (key: ElementType, value: ElementType?) {
    let type = try type(index)
    guard case .map(let key, let value) = type.kind else {
      throw .input(index, "expected a map, got \(type)")
    }
    guard let value, value.kind != .undefined else { return (key, nil) }
    guard let tensor = value.tensorType else {
      throw .input(index, "expected a map to tensors, got \(type)")
    }
    return (key, tensor.elementType)
  }
}

extension Call {
  /// An input that must be a map.
  func map(_ index: Int) throws(OperatorError) -> MapValue {
    let value = try value(index)
    guard case .map(let map) = value else {
      throw .input(index, "expected a map, got \(value.type)")
    }
    return map
  }

  /// The elements of the one-element tensors at these indices; 0 or an empty string for `nil`.
  func gathered(
    _ values: SequenceValue, _ places: [Int?], _ shape: [Int]
  ) throws(OperatorError) -> Tensor {
    let type = (values.elementType ?? values.elements.first?.type)?.tensorType?.elementType
    switch type {
    case .int64: return try gathered(values, places, shape, 0 as Int64)
    case .float64: return try gathered(values, places, shape, 0 as Double)
    case .string: return try gathered(values, places, shape, "")
    case .float32, nil: return try gathered(values, places, shape, 0 as Float)
    case let type?: throw .input(0, "expected numbers or strings in the map, got \(type)")
    }
  }

  private func gathered<T: Element>(
    _ values: SequenceValue, _ places: [Int?], _ shape: [Int], _ missing: T
  ) throws(OperatorError) -> Tensor {
    let result = try allocate(T.elementType, shape)
    let y = result.storage.pointer.assumingMemoryBound(to: T.self)
    for (index, place) in places.enumerated() {
      guard let place else {
        y[index] = missing
        continue
      }
      guard values.elements.indices.contains(place), let value = values.elements[place].tensor,
        value.elementType == T.elementType, value.count == 1
      else { throw .input(0, "expected one \(T.elementType) for every key") }
      y[index] = value.elements(as: T.self)[0]
    }
    return result
  }
}
