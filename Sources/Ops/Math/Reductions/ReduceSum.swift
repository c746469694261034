import ONNXFormat
import ONNXOperators

/// `Σ x`, 0 for an empty reduction.
struct ReduceSum: ReductionOperator, DifferentiableOperator {
  static let schema = Schema(
    "ReduceSum",
    [
      1: .reducible, 11: .reducible, 13: [.reducible, .bfloat16],
    ], inputs: 1...2)
  static var widening: Widening { .wrapping }
  static var axesAreInputSince: Int { 13 }
  let axes: ReductionAxes

  func kernel(_ type: ElementType, _ reduction: Reduction) -> Kernel? {
    reduction.kernel(ValueSum.self, type)
  }

  func differentiate(_ backward: inout Backward) throws(OperatorError) {
    guard let gradient = backward.gradient() else { return }
    backward.set(0, try spread(gradient, &backward))
  }
}
