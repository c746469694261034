import ONNXFormat

/// `Σ x²`; 0 of nothing.
struct ReduceSumSquare: ReductionOperator {
  static let schema = Schema(
    "ReduceSumSquare",
    [
      1: .reducible, 11: .reducible, 13: [.reducible, .bfloat16],
      18: [.reducible, .bfloat16],
    ], inputs: 1...2)
  let axes: ReductionAxes

  func kernel(_ type: ElementType, _ reduction: Reduction) -> Kernel? {
    reduction.kernel(SquareSum.self, type)
  }
}
