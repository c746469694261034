import ONNXFormat
import ONNXOperators

/// A copy of `data` in which each slice that a tuple of `indices` selects is replaced by a slice of
/// `updates`, or combined with it.
struct ScatterND: DifferentiableOperator {
  static let schema = Schema(
    "ScatterND", [11: .classic, 13: .any13, 16: .any13, 18: .any13], inputs: 3...3)
  let reduction: ScatterReduction

  init(_ node: inout NodeReader) throws(OperatorError) {
    reduction = try ScatterReduction(&node)
  }

  var overwritableInputs: [Int] { [0] }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let data = try inputs.tensor(0)
    let indices = try inputs.tensor(1, .int64)
    let updates = try inputs.tensor(2, sameTypeAs: 0)
    guard let shape = data.shape, let places = indices.shape,
      let width = places.last?.size
    else { return [.tensor(data)] }
    guard width <= shape.rank else {
      throw .input(1, "tuples of \(width) indices do not fit shape \(shape)")
    }
    let expected = Shape(Array(places.dropLast() + shape[width...]))
    if let sizes = updates.shape, sizes.rank != expected.rank {
      throw .input(2, "expected shape \(expected), got \(sizes)")
    }
    if let wanted = expected.sizes, let sizes = updates.shape?.sizes, wanted != sizes {
      throw .input(2, "expected shape \(wanted), got \(sizes)")
    }
    return [.tensor(data)]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    let offsets = try TupleOffsets(call)
    let updates = try call.inputCount(2)
    return try Scattering(
      block: updates == 0 ? 0 : offsets.block, count: offsets.count, reduction: reduction
    ).kernel(call) {
      buffers, places throws(OperatorError) in try offsets.fill(buffers, places)
    }
  }

  func differentiate(_ backward: inout Backward) throws(OperatorError) {
    try backward.scatter("ScatterND", "GatherND", [], reduction)
  }
}

extension ScatterND {
  static var versionSteps: [VersionStep] {
    [
      .reduction, .extremeReduction,
    ]
  }
}
