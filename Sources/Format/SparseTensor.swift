/// A tensor of which only some elements are stored; the others are 0.
public struct SparseTensor: Sendable {
  /// The stored elements, `[NNZ]`.
  public var values: NamedTensor
  /// The place of each stored element: int64, either indices into the flattened tensor, `[NNZ]`, or
  /// coordinates, `[NNZ, rank]`.
  public var indices: NamedTensor
  /// The shape of the whole tensor.
  public var shape: [Int]

  /// Creates a sparse tensor. `dense()` checks that values and indices fit together.
  public init(values: NamedTensor, indices: NamedTensor, shape: [Int]) {
    self.values = values
    self.indices = indices
    self.shape = shape
  }
}

extension SparseTensor {
  /// The tensor with all its elements.
  /// - Throws: `TensorError` if indices and values do not fit each other or the shape.
  public func dense() throws(TensorError) -> Tensor {
    let type = values.tensor.elementType
    let count = values.tensor.count
    let places = try places(count)
    let result = try Tensor(zeroed: type, shape: shape)
    if type == .string {
      let source = values.tensor.elements(as: String.self)
      let target = result.storage.pointer.assumingMemoryBound(to: String.self)
      for (index, place) in places.enumerated() { target[place] = source[index] }
      return result
    }
    for (index, place) in places.enumerated() {
      (result.storage.pointer + place * type.stride).copyMemory(
        from: values.tensor.storage.pointer + index * type.stride, byteCount: type.stride)
    }
    return result
  }

  /// The index of each value in the flattened tensor.
  private func places(_ count: Int) throws(TensorError) -> [Int] {
    guard let size = shape.elementCount else { throw .shape(shape) }
    let indices = indices.tensor
    let coordinates = try indices.array(as: Int64.self)
    var places: [Int] = []
    if indices.shape == [count] {
      places = coordinates.map(Int.init)
    } else if indices.shape == [count, shape.count] {
      for row in 0..<count {
        var place = 0
        for (axis, length) in shape.enumerated() {
          let coordinate = Int(coordinates[row * shape.count + axis])
          guard (0..<length).contains(coordinate) else { throw .index(coordinate, shape: shape) }
          place = place * length + coordinate
        }
        places.append(place)
      }
    } else {
      throw .count(count, shape: indices.shape)
    }
    for place in places where !(0..<size).contains(place) { throw .index(place, shape: shape) }
    return places
  }
}
