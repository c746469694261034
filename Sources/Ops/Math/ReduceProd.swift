import ONNXFormat

/// `Π x`; 1 of nothing.
struct ReduceProd: ReductionOperator {
  static let schema = Schema(
    "ReduceProd",
    [
      1: .reducible, 11: .reducible, 13: [.reducible, .bfloat16],
      18: [.reducible, .bfloat16],
    ], inputs: 1...2)
  let axes: ReductionAxes

  func kernel(_ type: ElementType, _ reduction: Reduction) -> Kernel? {
    reduction.kernel(ValueProduct.self, type)
  }
}
