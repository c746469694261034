import ONNXOperators
import ONNXSupport

// Each method runs the newest version of one operator of the standard, which its comment names.
extension Tensor {
  /// The outputs of an operator on tensors.
  static func evaluate(
    _ operatorType: String, _ inputs: [Tensor], _ attributes: [Attribute] = [], outputs: Int = 1
  ) throws(TensorError) -> [Tensor] {
    let node = Node(
      operatorType, inputs: inputs.indices.map { "x\($0)" },
      outputs: (0..<outputs).map { "y\($0)" }, attributes: attributes)
    do throws(OperatorError) {
      return try node.evaluate(inputs.map(Value.tensor)).compactMap { $0?.tensor }
    } catch {
      if case .memory(let bytes, _) = error { throw .outOfMemory(bytes: bytes) }
      throw .operation(operatorType, error.description)
    }
  }

  /// The output of an operator on this tensor and others.
  func evaluate(
    _ operatorType: String, _ others: [Tensor] = [], _ attributes: [Attribute] = []
  ) throws(TensorError) -> Tensor {
    try Tensor.evaluate(operatorType, [self] + others, attributes)[0]
  }

  /// The tensor with its axes in another order (`Transpose`).
  /// - Parameter axes: for each axis of the result, one of this tensor, from the end if negative; the
  ///   reverse order if none are given
  /// - Throws: `TensorError.operation` for axes that are not all of the tensor's, each once
  public func transposed(_ axes: Int...) throws(TensorError) -> Tensor {
    let order = axes.isEmpty ? shape.indices.reversed() : axes.map { $0 < 0 ? $0 + rank : $0 }
    return try evaluate("Transpose", [], [.ints("perm", order)])
  }

  /// The elements converted to another type (`Cast`).
  /// - Throws: `TensorError.operation` for strings that are not numbers, and types that do not convert
  public func cast(to elementType: ElementType) throws(TensorError) -> Tensor {
    if elementType == self.elementType { return self }
    return try evaluate("Cast", [], [.int("to", Int(elementType.rawValue))])
  }

  /// Tensors of one type and shape along a new axis (`Concat`).
  /// - Parameters:
  ///   - tensors: the tensors, at least one
  ///   - axis: the new axis of the result, from the end if negative
  /// - Throws: `TensorError.operation` for no tensors, tensors of several types or shapes, and an axis
  ///   out of range
  public static func stacked(_ tensors: [Tensor], axis: Int = 0) throws(TensorError) -> Tensor {
    guard let first = tensors.first else { throw .operation("stacked", "there are no tensors") }
    if let other = tensors.first(where: { $0.type != first.type }) {
      throw .operation("stacked", "the tensors differ: \(first.type) and \(other.type)")
    }
    let place = axis < 0 ? axis + first.rank + 1 : axis
    guard (0...first.rank).contains(place) else {
      throw .operation(
        "stacked", "axis \(axis) is out of range for a result of rank \(first.rank + 1)")
    }
    var shape = first.shape
    shape.insert(1, at: place)
    let parts = try tensors.map { (tensor) throws(TensorError) in try tensor.reshaped(to: shape) }
    return try concatenated(parts, axis: place)
  }

  /// Tensors one after the other along an axis (`Concat`).
  /// - Parameters:
  ///   - tensors: the tensors, at least one
  ///   - axis: the axis, from the end if negative
  /// - Throws: `TensorError.operation` for no tensors, and tensors that differ in type or in the size of
  ///   another axis
  public static func concatenated(
    _ tensors: [Tensor], axis: Int = 0
  ) throws(TensorError) -> Tensor {
    try evaluate("Concat", tensors, [.int("axis", axis)])[0]
  }

  /// The index of the largest element along an axis, the first of equal ones, as int64 (`ArgMax`).
  /// - Parameters:
  ///   - axis: the axis, from the end if negative
  ///   - keepsAxis: whether the result has the axis, with size 1
  /// - Throws: `TensorError.operation` for an axis out of range, and elements that are not numbers
  public func argmax(axis: Int = -1, keepsAxis: Bool = false) throws(TensorError) -> Tensor {
    try evaluate("ArgMax", [], [.int("axis", axis), .int("keepdims", keepsAxis ? 1 : 0)])
  }

  /// The `k` largest elements along an axis, in descending order, and their indices as int64 (`TopK`).
  /// - Parameters:
  ///   - k: the number of elements
  ///   - axis: the axis, from the end if negative
  /// - Throws: `TensorError.operation` for a `k` that is negative or more than the size of the axis, an
  ///   axis out of range, and elements that are not numbers
  public func topK(
    _ k: Int, axis: Int = -1
  ) throws(TensorError) -> (values: Tensor, indices: Tensor) {
    let results = try Tensor.evaluate(
      "TopK", [self, Tensor(shape: [1], [Int64(k)])], [.int("axis", axis)], outputs: 2)
    return (results[0], results[1])
  }

  /// `exp(x) / Σ exp(x)` along an axis (`Softmax`).
  /// - Parameter axis: the axis, from the end if negative
  /// - Throws: `TensorError.operation` for an axis out of range, and elements that are not floating point
  public func softmax(axis: Int = -1) throws(TensorError) -> Tensor {
    try evaluate("Softmax", [], [.int("axis", axis)])
  }

  /// The product of matrices, or of batches of matrices (`MatMul`).
  /// - Throws: `TensorError.operation` for tensors of two types, and sizes that do not fit
  public func matmul(_ other: Tensor) throws(TensorError) -> Tensor {
    try evaluate("MatMul", [other])
  }
}

// Arithmetic on elements. Axes of size 1, and missing ones in front, are repeated, as in NumPy.
extension Tensor {
  /// The sum of elements (`Add`).
  /// - Throws: `TensorError.operation` for tensors of two types, and shapes that do not broadcast
  public static func + (a: Tensor, b: Tensor) throws(TensorError) -> Tensor {
    try a.evaluate("Add", [b])
  }

  /// The difference of elements (`Sub`).
  /// - Throws: `TensorError.operation` for tensors of two types, and shapes that do not broadcast
  public static func - (a: Tensor, b: Tensor) throws(TensorError) -> Tensor {
    try a.evaluate("Sub", [b])
  }

  /// The product of elements (`Mul`).
  /// - Throws: `TensorError.operation` for tensors of two types, and shapes that do not broadcast
  public static func * (a: Tensor, b: Tensor) throws(TensorError) -> Tensor {
    try a.evaluate("Mul", [b])
  }

  /// The quotient of elements; of integers, rounded toward zero (`Div`).
  /// - Throws: `TensorError.operation` for tensors of two types, and shapes that do not broadcast
  public static func / (a: Tensor, b: Tensor) throws(TensorError) -> Tensor {
    try a.evaluate("Div", [b])
  }
}
