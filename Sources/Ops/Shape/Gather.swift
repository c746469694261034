import ONNXFormat
import ONNXOperators

/// Slices of `data` along `axis`, one for each index: `y[a…, i…, b…] = data[a…, indices[i…], b…]`.
struct Gather: DifferentiableOperator {
  static let schema = Schema(
    "Gather", [1: .classic, 11: .classic, 13: .any13], inputs: 2...2)
  static var widening: Widening { .exact }
  static func movedInputs(_ node: Node) -> [Int] { [0] }
  static var parameters: [ParameterInput] { [.init(0, .weight, isCertain: false)] }
  let axis: Int

  init(_ node: inout NodeReader) throws(OperatorError) {
    axis = try node.int("axis", default: 0)
  }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let data = try inputs.tensor(0)
    let indices = try inputs.tensor(1, [.int32, .int64])
    guard let shape = data.shape else { return [.tensor(data.elementType, nil)] }
    let axis = try normalized(axis: axis, rank: shape.rank)
    guard let places = indices.shape else { return [.tensor(data.elementType, nil)] }
    let dimensions = Array(shape[..<axis]) + Array(places) + Array(shape[(axis + 1)...])
    return [.tensor(data.elementType, Shape(dimensions))]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    let sizes = try call.inputSizes(0)
    let axis = try normalized(axis: axis, rank: sizes.count)
    return try gatherKernel(
      call, outer: sizes[..<axis].wrappingProduct, size: sizes[axis],
      block: sizes[(axis + 1)...].wrappingProduct)
  }

  func differentiate(_ backward: inout Backward) throws(OperatorError) {
    guard let gradient = backward.gradient() else { return }
    let shape = backward.builder.shape(of: backward.input(0))
    backward.set(
      0,
      backward.builder.node(
        GatherGrad.schema.name, [gradient, shape, backward.input(1)], [.int("axis", axis)],
        domain: Registry.privateDomain, operatorSet: backward.operatorSet,
        hint: "\(backward.input(0))_grad"))
  }
}

/// The kernel that copies the blocks at the indices of input 1 from data of the shape `[outer, size,
/// block]`, input 0.
package func gatherKernel(
  _ call: Preparation, outer: Int, size: Int, block: Int
) throws(OperatorError) -> Kernel {
  let places = try call.inputCount(1)
  let count = outer &* places
  let isEmpty = try call.outputCount(0) == 0
  let indices = try Offsets(call, input: 1)
  // Indices are checked even if there are no elements to copy.
  if isEmpty {
    return .compute(scratch: try scratchBytes(places)) { buffers throws(OperatorError) in
      let offsets = buffers.scratch.assumingMemoryBound(to: Int.self)
      try indices.fill(buffers, count: places, offsets) { i, position throws(OperatorError) in
        try indices.check(position, size, at: i)
      }
    }
  }
  return try BlockGather(block: block, count: count).kernel(try call.elementType(0)) {
    buffers, offsets throws(OperatorError) in
    try indices.fill(buffers, count: places, offsets) { i, position throws(OperatorError) in
      try indices.check(position, size, at: i)
    }
    for row in stride(from: places, to: count, by: places) {
      let base = row / places * size
      for i in 0..<places { offsets[row + i] = offsets[i] + base }
    }
  }
}

extension Gather {
  static var versionSteps: [VersionStep] {
    [
      .negativeAxes(11), .negativeIndices(11),
    ]
  }
}

extension VersionStep {
  /// The version allowed negative indices.
  static func negativeIndices(_ version: Int) -> VersionStep {
    VersionStep(
      version,
      down: { change throws(OperatorError) in
        guard let indices = change.constant(1), let list = indices.integers,
          list.contains(where: { $0 < 0 })
        else { return }
        let axis = try change.fromFront(try change.int("axis") ?? 0)
        guard let sizes = change.tensorType(0)?.shape, axis < sizes.rank,
          let size = sizes[axis].size
        else { throw .input(1, "negative indices need a known size") }
        let values = list.map { Int64($0 < 0 ? $0 + size : $0) }
        change.setInput(1, change.constant(Tensor(shape: indices.shape, values), "indices"))
      })
  }
}

extension Gather {
  static func selection(
    _ node: Node, from count: Int, _ constant: (Int) -> Tensor?
  ) -> VectorSelection? {
    guard let indices = constant(1), indices.shape.count < 2, node.integer("axis") ?? 0 == 0,
      let places = indices.integers, places.allSatisfy({ (-count..<count).contains($0) })
    else { return nil }
    return VectorSelection(
      places.map { $0 < 0 ? $0 + count : $0 }, isVector: indices.shape.count == 1)
  }
}

extension Gather {
  func steps(_ site: StepSite) throws(OperatorError) -> StepRelation {
    guard let steps = site.axis() else { return site.axis(1) == nil ? .wholeSequence : .sameStep }
    guard site.axis(1) == nil else { return .wholeSequence }
    if try normalized(axis: axis, rank: site.sizes().count) != steps { return .sameStep }
    return site.inputs.constant(1)?.integers == [-1] ? .lastStep : .wholeSequence
  }
}
