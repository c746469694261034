import ONNXFormat
import ONNXOperators

/// Whether `a ≤ b`, broadcast. Of a NaN it never is.
struct LessOrEqual: ComparisonOperator {
  static let schema = Schema(
    "LessOrEqual",
    [
      12: [.integers, .floats], 16: [.integers, .floats, .bfloat16],
    ], inputs: 2...2)
  let alignment: OperandAlignment

  func compare<T: Comparable>(_ a: T, _ b: T) -> Bool { a <= b }
}

extension LessOrEqual {
  static var versionSteps: [VersionStep] { [.orEqual(to: "Less")] }
}
