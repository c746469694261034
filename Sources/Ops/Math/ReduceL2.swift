import ONNXFormat
import RealModule

/// `√Σ x²`; 0 of nothing, and integers lose the fraction.
struct ReduceL2: ReductionOperator {
  static let schema = Schema(
    "ReduceL2",
    [
      1: .reducible, 11: .reducible, 13: [.reducible, .bfloat16],
      18: [.reducible, .bfloat16],
    ], inputs: 1...2)
  let axes: ReductionAxes

  func kernel(_ type: ElementType, _ reduction: Reduction) -> Kernel? {
    reduction.kernel(SquareSum.self, type) { .sqrt($0) }
  }
}
