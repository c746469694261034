extension Tensor {
  /// A tensor of zeros. Elements that are not numbers are `false` or empty strings.
  /// - Precondition: no size is negative, and there is enough memory.
  public init(zeros shape: [Int], _ elementType: ElementType = .float32) {
    self = Tensor.made("zeros", shape) { () throws(TensorError) in
      try Tensor(zeroed: elementType, shape: shape)
    }
  }

  /// A tensor of ones.
  /// - Precondition: the elements are numbers or booleans, no size is negative, and there is enough
  ///   memory.
  public init(ones shape: [Int], _ elementType: ElementType = .float32) {
    self = Tensor.made("ones", shape) { () throws(TensorError) in
      let tensor = Tensor(repeating: 1 as Float, shape: shape)
      return elementType == .float32 ? tensor : try tensor.cast(to: elementType)
    }
  }

  /// A tensor whose elements all have the same value.
  /// - Precondition: no size is negative, and there is enough memory.
  public init<T: Element>(repeating value: T, shape: [Int]) {
    self = Tensor.made("repeated", shape) { () throws(TensorError) in
      try Tensor(T.self, shape: shape) { $0.update(repeating: value) }
    }
  }

  /// A tensor of these elements, given in row-major order. Without a shape, the tensor has one axis.
  /// - Precondition: the number of values is the product of `shape`, and there is enough memory.
  @_disfavoredOverload
  public init<T: Element>(_ values: [T], shape: [Int]? = nil) {
    self.init(shape: shape ?? [values.count], values)
  }

  /// A float32 tensor of these elements: of literals, too, if one is not an integer.
  /// - Precondition: the number of values is the product of `shape`, and there is enough memory.
  public init(_ values: [Float], shape: [Int]? = nil) {
    self.init(shape: shape ?? [values.count], values)
  }

  /// An int64 tensor of these elements.
  /// - Precondition: the number of values is the product of `shape`, and there is enough memory.
  public init(_ values: [Int], shape: [Int]? = nil) {
    self.init(shape: shape ?? [values.count], values.map(Int64.init))
  }

  /// The tensor that `body` makes.
  private static func made(
    _ what: String, _ shape: [Int], _ body: () throws(TensorError) -> Tensor
  ) -> Tensor {
    do { return try body() } catch { preconditionFailure("a tensor of \(what) \(shape): \(error)") }
  }
}

extension Tensor: ExpressibleByFloatLiteral, ExpressibleByIntegerLiteral,
  ExpressibleByBooleanLiteral, ExpressibleByArrayLiteral
{
  /// A float32 scalar.
  public init(floatLiteral value: Float) { self.init(shape: [], [value]) }

  /// An int64 scalar.
  public init(integerLiteral value: Int64) { self.init(shape: [], [value]) }

  /// A bool scalar.
  public init(booleanLiteral value: Bool) { self.init(shape: [], [value]) }

  /// Tensors of one shape along a new first axis: numbers, or rows of numbers such as
  /// `[[1, 2.5], [3, 4]]`. Of integers and floating-point numbers, all become floating point. An empty
  /// literal is float32.
  /// - Precondition: all elements have the same shape, and their types can be mixed.
  public init(arrayLiteral elements: Tensor...) {
    let real = elements.first { $0.elementType != .int64 }?.elementType ?? .int64
    do {
      let same = try elements.map { (element) throws(TensorError) in
        element.elementType == .int64 && real != .int64 && real != .bool
          ? try element.cast(to: real) : element
      }
      self = same.isEmpty ? Tensor(zeros: [0]) : try Tensor.stacked(same)
    } catch {
      preconditionFailure("an array literal as a tensor: \(error)")
    }
  }
}
