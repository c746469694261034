import ONNXFormat
import ONNXOperators

/// `a ≥ b` for each pair of elements, broadcast. False if either is NaN.
struct GreaterOrEqual: ComparisonOperator {
  static let schema = Schema(
    "GreaterOrEqual",
    [
      12: [.integers, .floats], 16: [.integers, .floats, .bfloat16],
    ], inputs: 2...2)
  let alignment: OperandAlignment

  func compare<T: Comparable>(_ a: T, _ b: T) -> Bool { a >= b }
}

extension GreaterOrEqual {
  static var versionSteps: [VersionStep] { [.orEqual(to: "Greater")] }
}

extension VersionStep {
  /// The operator was introduced in operator set 12. Earlier ones combine the strict comparison
  /// with `Equal`.
  static func orEqual(to comparison: String) -> VersionStep {
    .introduced(12) { change throws(OperatorError) in
      let operands = change.node.inputs
      let isBeyond = change.emit(comparison, operands)
      change.become("Or", [isBeyond, change.emit("Equal", operands)])
    }
  }
}
