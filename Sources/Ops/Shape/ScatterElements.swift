import ONNXFormat
import ONNXOperators

/// A copy of `data` where `y[indices[i, j, k], j, k] = updates[i, j, k]` for `axis` 0; other axes
/// accordingly. `reduction` combines the old value with the update.
protocol ElementScatterer: Operator {
  var axis: Int { get }
  var reduction: ScatterReduction { get }
}

extension ElementScatterer {
  var overwritableInputs: [Int] { [0] }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let data = try inputs.tensor(0)
    let indices = try inputs.tensor(1, [.int32, .int64])
    let updates = try inputs.tensor(2, sameTypeAs: 0)
    if let shape = data.shape {
      let axis = try normalized(axis: axis, rank: shape.rank)
      try checkElementIndices(shape, indices.shape, axis: axis)
    }
    if let places = indices.shape?.sizes, let sizes = updates.shape?.sizes, places != sizes {
      throw .input(2, "expected the shape of the indices, \(places), got \(sizes)")
    }
    return [.tensor(data)]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    let offsets = try ElementOffsets(call, axis: axis)
    return try Scattering(block: 1, count: offsets.count, reduction: reduction).kernel(call) {
      buffers, places throws(OperatorError) in try offsets.fill(buffers, places)
    }
  }
}

struct ScatterElements: ElementScatterer, DifferentiableOperator {
  static let schema = Schema(
    "ScatterElements", [11: .classic, 13: .any13, 16: .any13, 18: .any13], inputs: 3...3)
  let axis: Int
  let reduction: ScatterReduction

  init(_ node: inout NodeReader) throws(OperatorError) {
    axis = try node.int("axis", default: 0)
    reduction = try ScatterReduction(&node)
  }

  func differentiate(_ backward: inout Backward) throws(OperatorError) {
    try backward.scatter("ScatterElements", "GatherElements", [.int("axis", axis)], reduction)
  }
}

/// The old name of `ScatterElements`, deprecated since operator set 11.
struct Scatter: ElementScatterer, DifferentiableOperator {
  static let schema = Schema("Scatter", [9: .classic, 11: .classic], inputs: 3...3)
  let axis: Int
  let reduction = ScatterReduction.none

  init(_ node: inout NodeReader) throws(OperatorError) {
    axis = try node.int("axis", default: 0)
  }

  func differentiate(_ backward: inout Backward) throws(OperatorError) {
    try backward.scatter("ScatterElements", "GatherElements", [.int("axis", axis)], reduction)
  }
}

extension ScatterElements {
  static var versionSteps: [VersionStep] {
    [
      .introduced(11) { change throws(OperatorError) in
        change.node.operatorType = "Scatter"
        try change.countFromFront("axis")
      },
      .reduction, .extremeReduction,
    ]
  }
}

extension Scatter {
  static var versionSteps: [VersionStep] {
    [
      .replaced(11, by: "ScatterElements")
    ]
  }
}
