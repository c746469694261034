import ONNXFormat
import RealModule

/// `ln Σ x`; −∞ of nothing, and integers, up to version 18, lose the fraction.
struct ReduceLogSum: ReductionOperator {
  static let schema = Schema(
    "ReduceLogSum",
    [
      1: .reducible, 11: .reducible, 13: [.reducible, .bfloat16],
      18: [.reducible, .bfloat16], 28: [.floats, .bfloat16],
    ], inputs: 1...2)
  let axes: ReductionAxes

  func kernel(_ type: ElementType, _ reduction: Reduction) -> Kernel? {
    reduction.kernel(ValueSum.self, type) { .log($0) }
  }
}
