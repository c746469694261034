import ONNXFormat
import ONNXOperators
import RealModule

/// `ln Σ x`, −∞ for an empty reduction. Up to version 18 it also takes integers and truncates their
/// result.
struct ReduceLogSum: ReductionOperator, DifferentiableOperator {
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

  /// `∂y/∂x = 1 / Σ x = e⁻ʸ`
  func differentiate(_ backward: inout Backward) throws(OperatorError) {
    guard let gradient = backward.gradient() else { return }
    let sum = backward.builder.node("Exp", [backward.output(0)])
    backward.set(0, try spread(backward.builder.div(gradient, sum), &backward))
  }
}
