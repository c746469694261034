import ONNXFormat
import RealModule

/// `ln Σ eˣ`; −∞ of nothing, and integers, up to version 18, lose the fraction.
struct ReduceLogSumExp: ReductionOperator {
  static let schema = Schema(
    "ReduceLogSumExp",
    [
      1: .reducible, 11: .reducible, 13: [.reducible, .bfloat16],
      18: [.reducible, .bfloat16], 28: [.floats, .bfloat16],
    ], inputs: 1...2)
  let axes: ReductionAxes

  func kernel(_ type: ElementType, _ reduction: Reduction) -> Kernel? {
    reduction.logSumExpKernel(type)
  }
}
