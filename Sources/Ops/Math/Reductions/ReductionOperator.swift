import ONNXFormat
import ONNXOperators

/// An operator that reduces all elements along some axes to one.
protocol ReductionOperator: Operator {
  init(axes: ReductionAxes)
  var axes: ReductionAxes { get }

  /// The first operator set in which the axes are input 1 instead of an attribute.
  static var axesAreInputSince: Int { get }

  /// The kernel for elements of this type, or `nil` if the type is not supported.
  func kernel(_ type: ElementType, _ reduction: Reduction) -> Kernel?
}

/// The axes of a reduction, and whether they are kept.
struct ReductionAxes: Sendable {
  /// The axes of the attribute, or `nil` for all axes or those of input 1.
  let fixed: [Int]?
  let areInput: Bool
  /// Whether reduced axes are kept with size 1.
  let areKept: Bool
  /// Whether an empty list of axes means no axes instead of all.
  let mayBeNone: Bool

  /// The axes, all nonnegative, or `nil` if they are not known yet.
  func resolve(_ inputs: Inputs, rank: Int) throws(OperatorError) -> Set<Int>? {
    var list = fixed ?? []
    if areInput, inputs.has(1) {
      guard let axes = try inputs.integers(1) else { return nil }
      list = axes
    }
    if list.isEmpty { return mayBeNone ? [] : Set(0..<rank) }
    // PyTorch and onnxruntime reduce a scalar along axis 0.
    if rank == 0 { list.removeAll { $0 == 0 || $0 == -1 } }
    var result: Set<Int> = []
    for axis in list {
      guard result.insert(try normalized(axis: axis, rank: rank)).inserted else {
        throw .invalid("axis \(axis) is given twice")
      }
    }
    return result
  }
}

extension ReductionOperator {
  static var axesAreInputSince: Int { 18 }

  /// The versions of most sums and products.
  static var sumVersions: KeyValuePairs<Int, TypeSet> {
    [1: .reducible, 11: .reducible, 13: [.reducible, .bfloat16], 18: [.reducible, .bfloat16]]
  }

  init(_ node: inout NodeReader) throws(OperatorError) {
    let areInput = node.version >= Self.axesAreInputSince
    self.init(
      axes: ReductionAxes(
        fixed: areInput ? nil : try node.optionalInts("axes"), areInput: areInput,
        areKept: try node.flag("keepdims", default: true),
        mayBeNone: areInput ? try node.flag("noop_with_empty_axes") : false))
    guard areInput || node.inputCount == 1 else {
      throw .invalid("expected 1 input, got \(node.inputCount)")
    }
  }

  var shapeInputs: [Int] { axes.areInput ? [1] : [] }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let data = try inputs.tensor(0)
    guard let shape = data.shape else { return [.tensor(data.elementType, nil)] }
    guard let axes = try axes.resolve(inputs, rank: shape.rank) else {
      return [.tensor(data.elementType, self.axes.areKept ? Shape(rank: shape.rank) : nil)]
    }
    var result = shape.dimensions
    for axis in axes.sorted(by: >) {
      if self.axes.areKept { result[axis] = 1 } else { result.remove(at: axis) }
    }
    return [.tensor(data.elementType, Shape(result))]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    let sizes = try call.inputSizes(0)
    let type = try call.elementType(0)
    guard let axes = try axes.resolve(call.inputs, rank: sizes.count) else {
      throw .input(1, "the axes are not known before the run")
    }
    guard let kernel = kernel(type, Reduction(sizes, over: axes)) else {
      throw .input(0, "unexpected element type \(type)")
    }
    return kernel
  }
}

extension ReductionOperator {
  /// A result, or its gradient, with the reduced axes restored as axes of size 1.
  func keepingAxes(
    _ result: String, _ backward: inout Backward
  ) throws(OperatorError) -> String {
    guard !axes.areKept else { return result }
    let rank = try backward.rank(0)
    let inputs = Inputs(
      types: [.tensor(try backward.tensorType(0))]
        + (backward.has(1) ? [.tensor(.int64, nil)] : []),
      constants: [nil, backward.constant(1).map(Value.tensor)])
    guard let axes = try axes.resolve(inputs, rank: rank) else {
      throw .input(1, "the gradient needs axes that are known before the run")
    }
    return backward.builder.node(
      "Unsqueeze", [result, backward.builder.integers(axes.sorted())])
  }

  /// The gradient of a result, broadcast to all elements that contributed to it.
  func spread(_ gradient: String, _ backward: inout Backward) throws(OperatorError) -> String {
    let kept = try keepingAxes(gradient, &backward)
    return backward.builder.node(
      "Expand", [kept, backward.builder.shape(of: backward.input(0))])
  }
}

extension TypeSet {
  /// The types of most reductions before bfloat16 was added.
  static let reducible: TypeSet = [.floats, .wideIntegers]
}

extension ReductionOperator {
  static var versionSteps: [VersionStep] {
    [
      .negativeAxes(11, "axes"),
      VersionStep(
        axesAreInputSince,
        up: { change throws(OperatorError) in try change.integersToInput("axes", 1) },
        down: { change throws(OperatorError) in
          let isNoOp = try change.int("noop_with_empty_axes") == 1
          change.drop("noop_with_empty_axes")
          let axes = change.has(1) ? try change.integers(1) : []
          guard axes.isEmpty else { return try change.integersToAttribute("axes", 1) }
          guard !isNoOp else {
            throw .attribute(
              "noop_with_empty_axes", "the target version reduces all axes if none are given")
          }
          change.setInput(1, "")
        }),
    ]
  }
}

extension ReductionOperator {
  func steps(_ site: StepSite) throws(OperatorError) -> StepRelation {
    guard let axis = site.axis(), site.outputAxis != nil,
      try axes.resolve(site.inputs, rank: site.sizes().count)?.contains(axis) == false
    else { return .wholeSequence }
    return .sameStep
  }
}
