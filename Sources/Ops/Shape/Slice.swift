import ONNXFormat
import ONNXOperators

/// The elements `start`, `start + step`, … before `end` along each of the `axes`. Negative positions count
/// from the end, and positions out of range are clamped.
struct SliceOperator: AttributeFreeOperator, DifferentiableOperator {
  static let schema = Schema(
    "Slice", [10: .classic, 11: .classic, 13: .any13], inputs: 3...5)
  static var widening: Widening { .exact }
  static func movedInputs(_ node: Node) -> [Int] { [0] }

  var shapeInputs: [Int] { [1, 2, 3, 4] }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let data = try inputs.tensor(0)
    guard let shape = data.shape else { return [.tensor(data.elementType, nil)] }
    if let slices = try slices(inputs, rank: shape.rank) {
      return [.tensor(data.elementType, slices.apply(to: shape))]
    }
    // The other axes keep their sizes.
    guard inputs.has(3), let axes = try inputs.integers(3) else {
      return [.tensor(data.elementType, Shape(rank: shape.rank))]
    }
    var result = shape
    for axis in try normalized(axes: axes, rank: shape.rank) { result[axis] = .unknown }
    return [.tensor(data.elementType, result)]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    guard let slices = try slices(call.inputs, rank: call.inputSizes(0).count) else {
      throw .input(1, "the contents are not known")
    }
    return try slices.kernel(call)
  }

  func slices(_ inputs: Inputs, rank: Int) throws(OperatorError) -> Slices? {
    let axes = inputs.has(3) ? try inputs.integers(3) : nil
    let steps = inputs.has(4) ? try inputs.integers(4) : nil
    guard let starts = try inputs.integers(1), let ends = try inputs.integers(2),
      (axes != nil) == inputs.has(3), (steps != nil) == inputs.has(4)
    else { return nil }
    return try Slices(starts: starts, ends: ends, axes: axes, steps: steps, rank: rank)
  }

  func differentiate(_ backward: inout Backward) throws(OperatorError) {
    backward.putSlicesBack()
  }
}

/// `Slice` with the positions as attributes and steps of 1.
struct Slice1: DifferentiableOperator {
  static let schema = Schema("Slice", [1: .classic], inputs: 1...1)
  static var widening: Widening { .exact }
  static func movedInputs(_ node: Node) -> [Int] { [0] }
  let starts: [Int]
  let ends: [Int]
  let axes: [Int]?

  init(_ node: inout NodeReader) throws(OperatorError) {
    starts = try node.ints("starts")
    ends = try node.ints("ends")
    axes = try node.optionalInts("axes")
  }

  func slices(rank: Int) throws(OperatorError) -> Slices {
    try Slices(starts: starts, ends: ends, axes: axes, steps: nil, rank: rank)
  }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let data = try inputs.tensor(0)
    guard let shape = data.shape else { return [.tensor(data.elementType, nil)] }
    return [.tensor(data.elementType, try slices(rank: shape.rank).apply(to: shape))]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    try slices(rank: call.inputSizes(0).count).kernel(call)
  }

  func differentiate(_ backward: inout Backward) throws(OperatorError) {
    backward.putSlicesBack()
  }
}

extension Backward {
  /// Sets the gradient of the data of a `Slice`.
  fileprivate mutating func putSlicesBack() {
    guard let gradient = gradient() else { return }
    let inputs = [gradient, builder.shape(of: input(0))] + forward.inputs.dropFirst()
    set(
      0,
      builder.node(
        SliceGrad.schema.name, inputs, forward.attributes, domain: Registry.privateDomain,
        operatorSet: operatorSet, hint: "\(input(0))_grad"))
  }
}

/// The gradient of `Slice`. Inputs are the gradient of its output, the shape of the data, and the inputs
/// of `Slice` from 1 on. Elements outside of the slices are 0.
struct SliceGrad: AttributeFreeOperator {
  static let schema = Schema(
    "SliceGrad", gradientOf: SliceOperator.schema, inputs: 4...6, outputs: 1...1)

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let shape = try inputs.statedShape(1)
    if let shape, let slices = try slices(inputs, rank: shape.rank) {
      try inputs.require(0, slices.apply(to: shape))
    }
    return [.tensor(try inputs.tensor(0).elementType, shape)]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    guard let slices = try slices(call.inputs, rank: call.outputSizes(0).count) else {
      throw .input(2, "the contents are not known")
    }
    return try slices.gradientKernel(call)
  }

  private func slices(_ inputs: Inputs, rank: Int) throws(OperatorError) -> Slices? {
    try SliceOperator().slices(
      Inputs(
        types: Array(inputs.types.dropFirst()), constants: Array(inputs.constants.dropFirst())),
      rank: rank)
  }
}

/// The gradient of `Slice` with the positions as attributes.
struct Slice1Grad: Operator {
  static let schema = Schema(
    "SliceGrad", gradientOf: Slice1.schema, inputs: 2...2, outputs: 1...1)
  private let base: Slice1

  init(_ node: inout NodeReader) throws(OperatorError) { base = try Slice1(&node) }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let shape = try inputs.statedShape(1)
    if let shape { try inputs.require(0, base.slices(rank: shape.rank).apply(to: shape)) }
    return [.tensor(try inputs.tensor(0).elementType, shape)]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    try base.slices(rank: call.outputSizes(0).count).gradientKernel(call)
  }
}

/// Ranges of positions along some axes, like slices in NumPy.
struct Slices {
  fileprivate struct Cut {
    let axis: Int
    let start: Int
    let end: Int
    let step: Int

    /// The first position and the number of positions for a dimension of a given size.
    func positions(in size: Int) -> (first: Int, count: Int) {
      let lowest = step > 0 ? 0 : -1
      let highest = step > 0 ? size : size - 1
      func clamp(_ position: Int) -> Int {
        min(max(position < 0 ? position + size : position, lowest), highest)
      }
      let first = clamp(start)
      let distance = step > 0 ? clamp(end) - first : first - clamp(end)
      if distance <= 0 { return (0, 0) }
      return (first, Int(UInt(distance - 1) / step.magnitude) + 1)
    }
  }

  fileprivate let cuts: [Cut]

  init(
    starts: [Int], ends: [Int], axes: [Int]?, steps: [Int]?, rank: Int
  ) throws(OperatorError) {
    let axes = try normalized(axes: axes ?? Array(0..<min(starts.count, rank)), rank: rank)
    guard starts.count == axes.count, ends.count == axes.count,
      steps == nil || steps?.count == axes.count
    else {
      throw .invalid(
        "\(starts.count) starts, \(ends.count) ends, \(axes.count) axes"
          + (steps.map { ", \($0.count) steps" } ?? "") + ", expected as many of each")
    }
    var cuts: [Cut] = []
    for (index, axis) in axes.enumerated() {
      let step = steps?[index] ?? 1
      guard step != 0 else { throw .invalid("a step is 0") }
      cuts.append(Cut(axis: axis, start: starts[index], end: ends[index], step: step))
    }
    self.cuts = cuts
  }

  func apply(to shape: Shape) -> Shape {
    var result = shape
    for cut in cuts {
      if let size = shape[cut.axis].size {
        result[cut.axis] = .size(cut.positions(in: size).count)
      } else if !(cut.start == 0 && cut.step == 1 && cut.end >= Int(Int32.max)) {
        // Exporters write 2³¹ − 1 and larger numbers for the end.
        result[cut.axis] = .unknown
      }
    }
    return result
  }

  func kernel(_ call: Preparation) throws(OperatorError) -> Kernel {
    let sizes = try call.inputSizes(0)
    let target = try call.outputSizes(0)
    if sizes == target, cuts.allSatisfy({ $0.step > 0 || sizes[$0.axis] <= 1 }) {
      return .view(of: 0)
    }
    let (offset, steps) = view(sizes)
    let copy = StridedCopy(
      try call.elementType(0), target, from: steps, fromOffset: offset, to: rowMajorStrides(target))
    return CopyTasks([CopyJob(copy)]).kernel
  }

  /// The offset and the strides of the elements in a tensor of these sizes.
  private func view(_ sizes: [Int]) -> (offset: Int, strides: [Int]) {
    let strides = rowMajorStrides(sizes)
    var steps = strides
    var offset = 0
    for cut in cuts {
      offset &+= cut.positions(in: sizes[cut.axis]).first &* strides[cut.axis]
      steps[cut.axis] = strides[cut.axis] &* cut.step
    }
    return (offset, steps)
  }

  /// A kernel that fills output 0 with zeros and copies input 0 into its slices.
  func gradientKernel(_ call: Preparation) throws(OperatorError) -> Kernel {
    let sizes = try call.outputSizes(0)
    let source = try call.inputSizes(0)
    if sizes == source, cuts.allSatisfy({ $0.step > 0 || sizes[$0.axis] <= 1 }) {
      return .view(of: 0)
    }
    let (offset, steps) = view(sizes)
    let copy = StridedCopy(
      try call.elementType(0), source, from: rowMajorStrides(source), to: steps, toOffset: offset)
    return try CopyTasks([CopyJob(copy)]).kernel.amidZeros(call)
  }
}

extension SliceOperator {
  static func selection(
    _ node: Node, from count: Int, _ constant: (Int) -> Tensor?
  ) -> VectorSelection? {
    guard node.inputs.count >= 3, let start = constant(1)?.integers?.first,
      let end = constant(2)?.integers?.first,
      node.inputs.count < 5 || constant(4)?.integers == [1]
    else { return nil }
    func place(_ given: Int) -> Int { min(max(given < 0 ? given + count : given, 0), count) }
    return VectorSelection(
      Array(place(start)..<max(place(start), place(end))), isVector: true)
  }
}

extension SliceOperator {
  func steps(_ site: StepSite) throws(OperatorError) -> StepRelation {
    guard let slices = try slices(site.inputs, rank: site.sizes().count) else {
      return .wholeSequence
    }
    return slices.steps(site)
  }
}

extension Slice1 {
  func steps(_ site: StepSite) throws(OperatorError) -> StepRelation {
    try slices(rank: site.sizes().count).steps(site)
  }
}

extension Slices {
  /// The steps that are kept: all, the last one, or all but some at the end.
  fileprivate func steps(_ site: StepSite) -> StepRelation {
    guard let axis = site.axis(), site.onlyFirstHasSteps else { return .wholeSequence }
    guard let cut = cuts.first(where: { $0.axis == axis }) else { return .sameStep }
    guard cut.step == 1 else { return .wholeSequence }
    let reachesEnd = cut.end >= Int(Int32.max)
    if cut.start == -1, reachesEnd { return .lastStep }
    guard cut.start == 0 else { return .wholeSequence }
    if reachesEnd { return .sameStep }
    guard cut.end < 0, cuts.count == 1 else { return .wholeSequence }
    return .window(StepWindow(site.identity, after: cut.end))
  }
}

extension StepSite {
  /// A node that passes input 0 on, in place of the node.
  var identity: Node {
    Node("Identity", name: node.name, inputs: [node.inputs[0]], outputs: node.outputs)
  }
}
