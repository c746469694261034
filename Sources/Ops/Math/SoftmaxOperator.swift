import ONNXFormat

/// An operator that normalises the elements along an axis: since operator set 13 along that axis
/// alone, before it along all dimensions from the axis on.
protocol SoftmaxOperator: Operator {
  init(axis: Int)
  var axis: Int { get }
  /// Whether the input is coerced to two dimensions, which meet at the axis.
  static var coerces: Bool { get }

  /// The kernel for elements of this type; `nil` for other types than floating point.
  func kernel(_ split: AxisSplit, _ type: ElementType, threads: Int) -> Kernel?
}

extension SoftmaxOperator {
  init(_ node: inout NodeReader) throws(OperatorError) {
    self.init(axis: try node.int("axis", default: Self.coerces ? 1 : -1))
  }

  var overwritableInputs: [Int] { [0] }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let data = try inputs.tensor(0)
    if let rank = data.shape?.rank { _ = try axis(rank: rank) }
    return [.tensor(data)]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    let sizes = try call.inputSizes(0)
    let split = try split(sizes)
    let type = try call.elementType(0)
    guard let kernel = kernel(split, type, threads: call.threads) else {
      throw .input(0, "expected floating point, got \(type)")
    }
    return kernel
  }

  /// How a tensor of those sizes is normalised.
  func split(_ sizes: [Int]) throws(OperatorError) -> AxisSplit {
    let axis = try axis(rank: sizes.count)
    return Self.coerces ? AxisSplit(sizes, coercedAt: axis) : AxisSplit(sizes, axis: axis)
  }

  func axis(rank: Int) throws(OperatorError) -> Int {
    // The two dimensions may meet behind the last one.
    if Self.coerces, axis == rank { return rank }
    return try normalized(axis: axis, rank: rank)
  }
}
