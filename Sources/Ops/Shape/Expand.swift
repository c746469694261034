import ONNXFormat
import ONNXOperators

/// The input broadcast to the shape that its own shape and `shape` broadcast to.
struct Expand: AttributeFreeOperator, DifferentiableOperator {
  static let schema = Schema("Expand", [8: .classic, 13: .any13], inputs: 2...2)
  static var widening: Widening { .exact }
  static func movedInputs(_ node: Node) -> [Int] { [0] }

  var shapeInputs: [Int] { [1] }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let data = try inputs.tensor(0)
    if let target = try inputs.integers(1) {
      return [.tensor(data.elementType, try expand(data.shape, to: target))]
    }
    // Some writers give a single size as a scalar.
    guard let rank = data.shape?.rank, let added = try inputs.tensor(1).shape?.sizes?.elementCount
    else {
      return [.tensor(data.elementType, nil)]
    }
    return [.tensor(data.elementType, try Shape(unknownOfRank: Swift.max(rank, added)))]
  }

  private func expand(_ shape: Shape?, to target: [Int]) throws(OperatorError) -> Shape? {
    guard target.allSatisfy({ $0 >= 0 }) else { throw .input(1, "negative size in \(target)") }
    guard let shape else { return nil }
    guard let result = Broadcast.combine(shape, Shape(target)) else {
      throw .invalid("shapes \(shape) and \(target) do not broadcast")
    }
    return result
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    let sizes = try call.inputSizes(0)
    let target = try call.outputSizes(0)
    if sizes.elementCount == target.elementCount { return .view(of: 0) }
    let strides = rowMajorStrides(sizes)
    let padding = target.count - sizes.count
    let from = target.indices.map { axis in
      axis < padding || sizes[axis - padding] == 1 ? 0 : strides[axis - padding]
    }
    let copy = StridedCopy(
      try call.elementType(0), target, from: from, to: rowMajorStrides(target))
    return CopyTasks([CopyJob(copy)]).kernel
  }

  func differentiate(_ backward: inout Backward) throws(OperatorError) {
    if let gradient = backward.gradient() { backward.setSum(0, gradient) }
  }
}

extension Expand {
  static var versionSteps: [VersionStep] {
    [
      .introduced(8) { change throws(OperatorError) in
        guard let sizes = change.outputType(0)?.shape?.sizes else {
          throw .unsupported(
            "Expand came with operator set 8, and its shape is not known before the run")
        }
        change.become("Identity", [try change.broadcast(try change.input(0), to: sizes)])
      }
    ]
  }
}

extension Expand {
  static func isIdentity(_ node: Node, input: ValueType?, output: ValueType?) -> Bool {
    haveEqualSizes(input, output)
  }
}

extension Expand {
  func steps(_ site: StepSite) throws(OperatorError) -> StepRelation { site.broadcast }
}
