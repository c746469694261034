import ONNXFormat
import ONNXOperators

/// An operator that normalises along an axis. Since operator set 13 it is that axis alone; earlier
/// versions normalise over all dimensions from the axis on.
protocol SoftmaxOperator: Operator {
  init(axis: Int)
  var axis: Int { get }
  /// Whether the input is flattened to two dimensions at the axis.
  static var coerces: Bool { get }

  /// The kernel for a floating-point type, or `nil` for any other type.
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

  /// The lanes over which a tensor of these sizes is normalised.
  func split(_ sizes: [Int]) throws(OperatorError) -> AxisSplit {
    let axis = try axis(rank: sizes.count)
    return Self.coerces ? AxisSplit(sizes, coercedAt: axis) : AxisSplit(sizes, axis: axis)
  }

  func axis(rank: Int) throws(OperatorError) -> Int {
    // Flattening may take place after the last dimension.
    if Self.coerces, axis == rank { return rank }
    return try normalized(axis: axis, rank: rank)
  }
}

extension SoftmaxOperator {
  static var versionSteps: [VersionStep] { coerces ? [] : [.alongOneAxis, .negativeAxes(11)] }
}

extension VersionStep {
  /// Since operator set 13 only the axis is normalised, before it all dimensions from the axis on.
  static let alongOneAxis = VersionStep(
    13,
    up: { change throws(OperatorError) in
      let axis = try change.int("axis") ?? 1
      if let rank = change.tensorType(0)?.shape?.rank, axis == -1 || axis == rank - 1 {
        return change.set(.int("axis", axis))
      }
      let x = try change.input(0)
      let shape = change.emit("Shape", [x])
      change.precede(0, "Flatten", [], [.int("axis", axis)])
      change.follow(0, "Reshape", [shape])
      change.set(.int("axis", -1))
    },
    down: { change throws(OperatorError) in
      let rank = try change.rank(0)
      let axis = try change.fromFront(try change.int("axis") ?? -1)
      change.set(.int("axis", rank - 1))
      guard axis != rank - 1 else { return }
      var order = Array(0..<rank)
      order.swapAt(axis, rank - 1)
      change.precede(0, "Transpose", [], [.ints("perm", order)])
      change.follow(0, "Transpose", [], [.ints("perm", order)])
    })
}

extension SoftmaxOperator {
  func steps(_ site: StepSite) throws(OperatorError) -> StepRelation {
    let rank = site.sizes().count
    let axis = try axis(rank: rank)
    return site.along(axis..<(Self.coerces ? rank : axis + 1))
  }
}
