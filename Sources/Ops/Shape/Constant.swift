import ONNXFormat

/// The value of the one attribute that is given; a sparse one comes out as an ordinary tensor.
struct Constant: Operator {
  static let schema = Schema(
    "Constant",
    [
      1: .all, 9: .all, 11: .all, 12: .all, 13: .all, 19: .all, 21: .all, 23: .all, 24: .all,
      25: .all,
    ], inputs: 0...0)

  private enum Content {
    case tensor(Tensor)
    case sparse(SparseTensor)
  }
  private let content: Content

  init(_ node: inout NodeReader) throws(OperatorError) {
    var found: [Content] = []
    if let tensor = try node.optionalTensor("value") { found.append(.tensor(tensor)) }
    if node.version >= 11, let sparse = try node.optionalSparseTensor("sparse_value") {
      found.append(.sparse(sparse))
    }
    if node.version >= 12 {
      if let number = try node.optionalInt("value_int") {
        found.append(.tensor(Tensor(Int64(number))))
      }
      if let list = try node.optionalInts("value_ints") {
        found.append(.tensor(Tensor(shape: [list.count], list.map(Int64.init))))
      }
      if let number = try node.optionalFloat("value_float") {
        found.append(.tensor(Tensor(number)))
      }
      if let list = try node.optionalFloats("value_floats") {
        found.append(.tensor(Tensor(shape: [list.count], list)))
      }
      if let string = try node.optionalString("value_string") {
        found.append(.tensor(Tensor(string)))
      }
      if let list = try node.optionalStrings("value_strings") {
        found.append(.tensor(Tensor(shape: [list.count], list)))
      }
    }
    guard found.count == 1 else {
      throw .invalid("expected one attribute with a value, got \(found.count)")
    }
    content = found[0]
  }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    switch content {
    case .tensor(let tensor): return [.tensor(tensor.type)]
    case .sparse(let sparse): return [.tensor(sparse.values.tensor.elementType, sparse.shape)]
    }
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    switch content {
    case .tensor(let tensor): return .produce { _ in [.tensor(tensor)] }
    case .sparse(let sparse):
      return .produce { call throws(OperatorError) in [.tensor(try sparse.dense(call))] }
    }
  }
}

extension SparseTensor {
  /// The same as an ordinary tensor.
  func dense(_ call: borrowing Call) throws(OperatorError) -> Tensor {
    func fail(_ reason: String) -> OperatorError { .attribute("sparse_value", reason) }
    let type = values.tensor.elementType
    guard let count = shape.elementCount, let positions = indices.tensor.integers else {
      throw fail("its shape \(shape) overflows, or its indices are no integers")
    }
    let rank = indices.tensor.shape.count
    guard rank == 1 || (rank == 2 && indices.tensor.shape[1] == shape.count),
      indices.tensor.shape[0] == values.tensor.count
    else { throw fail("indices of shape \(indices.tensor.shape) do not fit \(shape)") }
    let result = try call.allocate(type, shape)
    result.clear()
    let strides = rank == 1 ? [1] : rowMajorStrides(shape)
    let limits = rank == 1 ? [count] : shape
    for number in 0..<values.tensor.count {
      var offset = 0
      for (axis, limit) in limits.enumerated() {
        let position = positions[number * limits.count + axis]
        guard position >= 0, position < limit else {
          throw fail("index \(position) of value \(number) is beyond \(limit)")
        }
        offset += position * strides[axis]
      }
      StridedCopy(type, [1], from: [1], fromOffset: number, to: [1], toOffset: offset)
        .run(from: values.tensor.storage.pointer, to: result.storage.pointer)
    }
    return result
  }
}

extension Tensor {
  /// Sets every element of a fresh tensor to zero; strings are empty from the start.
  func clear() {
    if elementType != .string {
      storage.pointer.initializeMemory(as: UInt8.self, repeating: 0, count: storage.byteCount)
    }
  }
}
