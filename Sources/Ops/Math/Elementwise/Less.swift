import ONNXFormat
import ONNXOperators

/// `a < b` for each pair of elements, broadcast. False if either is NaN.
struct Less: ComparisonOperator {
  static let schema = Schema(
    "Less",
    [
      1: .floats, 7: .floats, 9: [.integers, .floats], 13: [.integers, .floats, .bfloat16],
    ], inputs: 2...2)
  let alignment: OperandAlignment

  func compare<T: Comparable>(_ a: T, _ b: T) -> Bool { a < b }
}
