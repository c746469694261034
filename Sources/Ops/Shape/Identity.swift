import ONNXFormat
import ONNXOperators

/// `y = x`, for tensors, sequences and optionals.
struct Identity: AttributeFreeOperator, DifferentiableOperator {
  static let schema = Schema(
    "Identity",
    [
      1: .classic, 13: .any13, 14: .any13, 16: .any13, 19: .any19, 21: .any21, 23: .any23,
      24: .any24, 25: .any25,
    ], inputs: 1...1)
  static var widening: Widening { .exact }
  static func movedInputs(_ node: Node) -> [Int] { [0] }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] { [try inputs.type(0)] }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    if try call.inputs.type(0).tensorType != nil { return .view(of: 0) }
    return .produce { call throws(OperatorError) in [try call.value(0)] }
  }

  func differentiate(_ backward: inout Backward) throws(OperatorError) {
    if let gradient = backward.gradient() { backward.set(0, gradient) }
  }
}

extension Identity {
  static var versionSteps: [VersionStep] { VersionStep.kinds(sequences: 14, optionals: 16) }
}

extension Identity {
  static func isIdentity(_ node: Node, input: ValueType?, output: ValueType?) -> Bool {
    true
  }
}

extension Identity {
  func steps(_ site: StepSite) throws(OperatorError) -> StepRelation { site.broadcast }
}
