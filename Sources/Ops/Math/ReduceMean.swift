import ONNXFormat

/// `Σ x / n`; NaN of nothing, and integers lose the fraction.
struct ReduceMean: ReductionOperator {
  static let schema = Schema(
    "ReduceMean",
    [
      1: .reducible, 11: .reducible, 13: [.reducible, .bfloat16],
      18: [.reducible, .bfloat16],
    ], inputs: 1...2)
  let axes: ReductionAxes

  func kernel(_ type: ElementType, _ reduction: Reduction) -> Kernel? {
    let count = Double(reduction.inputsPerOutput)
    return reduction.kernel(ValueSum.self, type) { $0 / count }
  }
}
