import ONNXFormat
import ONNXOperators
import RealModule

/// `ln Σ eˣ`, −∞ for an empty reduction. Up to version 18 it also takes integers and truncates their
/// result.
struct ReduceLogSumExp: ReductionOperator, DifferentiableOperator {
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

  /// `∂y/∂x = e^(x − y)`
  func differentiate(_ backward: inout Backward) throws(OperatorError) {
    guard let gradient = backward.gradient() else { return }
    let g = try keepingAxes(gradient, &backward)
    let y = try keepingAxes(backward.output(0), &backward)
    let shifted = backward.builder.sub(backward.input(0), y)
    let share = backward.builder.node("Exp", [shifted])
    backward.set(0, backward.builder.mul(share, g))
  }
}
