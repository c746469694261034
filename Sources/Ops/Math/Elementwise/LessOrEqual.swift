import ONNXFormat
import ONNXOperators

/// `a ≤ b` for each pair of elements, broadcast. False if either is NaN.
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
