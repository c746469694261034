import ONNXFormat
import ONNXInterpreter

/// Nodes that layers are put together from.
extension ModelBuilder {
  public mutating func add(_ a: Signal, _ b: Signal) throws(ModelError) -> Signal {
    try node("Add", [a, b])
  }

  public mutating func multiply(_ a: Signal, _ b: Signal) throws(ModelError) -> Signal {
    try node("Mul", [a, b])
  }

  public mutating func concatenate(
    _ parts: [Signal], axis: Int
  ) throws(ModelError) -> Signal {
    guard parts.count != 1 else { return parts[0] }
    return try node("Concat", parts, [.int("axis", axis)])
  }

  public mutating func transpose(
    _ x: Signal, _ permutation: [Int]
  ) throws(ModelError) -> Signal {
    try node("Transpose", [x], [.ints("perm", permutation)])
  }

  /// `x` in another shape: 0 stands for the size at that axis, −1 for what is left.
  public mutating func reshape(_ x: Signal, _ shape: [Int]) throws(ModelError) -> Signal {
    try node("Reshape", [x, integers(shape, hint: "shape")])
  }

  public mutating func squeeze(_ x: Signal, _ axis: Int) throws(ModelError) -> Signal {
    try node("Squeeze", [x, integers([axis], hint: "axes")])
  }

  public mutating func unsqueeze(_ x: Signal, _ axis: Int) throws(ModelError) -> Signal {
    try node("Unsqueeze", [x, integers([axis], hint: "axes")])
  }

  public mutating func cast(
    _ x: Signal, to type: ElementType
  ) throws(ModelError) -> Signal {
    try node("Cast", [x], [.int("to", Int(type.rawValue))])
  }

  /// The elements of `x` from `first` up to, not including, `end` along an axis.
  public mutating func slice(
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
