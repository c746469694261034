import ONNXFormat
import ONNXOperators

/// The slices along `axis`, or the elements if there is no axis, for which `condition` is true.
struct Compress: DifferentiableOperator {
  static let schema = Schema(
    "Compress", [9: .classic, 11: .classic, 28: .any13], inputs: 2...2)
  static var widening: Widening { .exact }
  let axis: Int?

  init(_ node: inout NodeReader) throws(OperatorError) { axis = try node.optionalInt("axis") }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let data = try inputs.tensor(0)
    _ = try inputs.tensor(1, .bool)
    _ = try inputs.shape(1, rank: 1)
    guard let axis else { return [.tensor(data.elementType, Shape(rank: 1))] }
    guard var shape = data.shape else { return [.tensor(data.elementType, nil)] }
    shape[try normalized(axis: axis, rank: shape.rank)] = .unknown
    return [.tensor(data.elementType, shape)]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    .produce { call throws(OperatorError) in
      let data = try call.tensor(0)
      let condition = try call.tensor(1).elements(as: Bool.self)
      // Without an axis the data is flattened.
      let sizes = axis == nil ? [data.count] : data.shape
      let axis = try axis.map { axis throws(OperatorError) in
        try normalized(axis: axis, rank: sizes.count)
      }
      let along = axis ?? 0
      let chosen = condition.indices.filter { condition[$0] }
      if let last = chosen.last, last >= sizes[along] {
        throw .input(1, "true at element \(last), but the size is \(sizes[along])")
      }
      var target = sizes
      target[along] = chosen.count
      let result = try call.allocate(data.elementType, target)
      if result.count == 0 { return [.tensor(result)] }
      let outer = sizes[..<along].wrappingProduct
      let block = sizes[(along + 1)...].wrappingProduct
      var offsets: [Int] = []
      offsets.reserveCapacity(outer * chosen.count)
      for row in 0..<outer { for index in chosen { offsets.append(row * sizes[along] + index) } }
      moveBlocks(
        data.elementType, block: block, from: data.storage.pointer, to: result.storage.pointer,
        offsets: offsets)
      return [.tensor(result)]
    }
  }

  func differentiate(_ backward: inout Backward) throws(OperatorError) {
    guard let gradient = backward.gradient() else { return }
    // The indices at which the condition is true.
    let places = backward.builder.node(
      "Reshape",
      [
        backward.builder.node("NonZero", [backward.input(1)]), backward.builder.integers([-1]),
      ])
    let shape = backward.builder.shape(of: backward.input(0))
    var size = shape
    if axis == nil {
      let count = backward.builder.node("Size", [backward.input(0)])
      size = backward.builder.node("Unsqueeze", [count, backward.builder.integers([0])])
    }
    let sum = backward.builder.node(
      GatherGrad.schema.name, [gradient, size, places], [.int("axis", axis ?? 0)],
      domain: Registry.privateDomain, operatorSet: GraphBuilder.operatorSet)
    backward.set(0, axis == nil ? backward.builder.reshape(sum, to: shape) : sum)
  }
}

extension Compress {
  static var versionSteps: [VersionStep] {
    [
      .negativeAxes(11)
    ]
  }
}
