import ONNXFormat
import ONNXInterpreter

extension ModelBuilder {
  /// Adds a constant scalar of the builder's element type.
  public func scalar(_ value: Double) throws(ModelError) -> Signal {
    try scalar(value, elementType)
  }

  /// Adds a constant scalar of an element type.
  func scalar(_ value: Double, _ type: ElementType) throws(ModelError) -> Signal {
    switch type {
    case .float32: return try constant(Tensor(Float(value)))
    case .float64: return try constant(Tensor(value))
    case .float16: return try constant(Tensor(Float16(value)))
    case .bfloat16: return try constant(Tensor(BFloat16(Float(value))))
    case .int32, .int64:
      guard let whole = Int64(exactly: value), let narrow = Int32(exactly: whole) else {
        throw error("\(value) is not a number of type \(type)")
      }
      return try constant(type == .int64 ? Tensor(whole) : Tensor(narrow))
    default: throw error("there are no constant numbers of type \(type)")
    }
  }

  /// Adds an `Add` node: `a + b` with broadcasting.
  public func add(_ a: Signal, _ b: Signal) throws(ModelError) -> Signal {
    try node("Add", [a, b])
  }

  /// Adds a `Mul` node: `a · b` with broadcasting.
  public func multiply(_ a: Signal, _ b: Signal) throws(ModelError) -> Signal {
    try node("Mul", [a, b])
  }

  /// Adds a `Concat` node: the parts one after another along an axis. A single part is returned as it
  /// is.
  public func concatenate(
    _ parts: [Signal], axis: Int
  ) throws(ModelError) -> Signal {
    guard parts.count != 1 else { return parts[0] }
    return try node("Concat", parts, [.int("axis", axis)])
  }

  /// Adds a `Transpose` node: axis `i` of the result is axis `permutation[i]` of `x`.
  public func transpose(
    _ x: Signal, _ permutation: [Int]
  ) throws(ModelError) -> Signal {
    try node("Transpose", [x], [.ints("perm", permutation)])
  }

  /// Adds a `Reshape` node. A size of 0 stands for that of `x` at the same axis. One size may be −1; it
  /// follows from the number of elements.
  public func reshape(_ x: Signal, _ shape: [Int]) throws(ModelError) -> Signal {
    try node("Reshape", [x, integers(shape, hint: "shape")])
  }

  /// Adds a `Squeeze` node: removes an axis of size 1.
  public func squeeze(_ x: Signal, _ axis: Int) throws(ModelError) -> Signal {
    try node("Squeeze", [x, integers([axis], hint: "axes")])
  }

  /// Adds an `Unsqueeze` node: inserts an axis of size 1.
  public func unsqueeze(_ x: Signal, _ axis: Int) throws(ModelError) -> Signal {
    try node("Unsqueeze", [x, integers([axis], hint: "axes")])
  }

  /// Adds a `Cast` node to another element type.
  public func cast(
    _ x: Signal, to type: ElementType
  ) throws(ModelError) -> Signal {
    try node("Cast", [x], [.int("to", Int(type.rawValue))])
  }

  /// Adds a `Slice` node: the elements `first..<end` along an axis.
  public func slice(
    _ x: Signal, axis: Int, from first: Int, to end: Int
  ) throws(ModelError) -> Signal {
    try node(
      "Slice",
      [
        x, integers([first], hint: "starts"), integers([end], hint: "ends"),
        integers([axis], hint: "axes"),
      ])
  }
}
