import ONNXFormat
import ONNXOperators
import RealModule

/// `√Σ x²`, 0 for an empty reduction. Integer results are truncated.
struct ReduceL2: ReductionOperator, DifferentiableOperator {
  static let schema = Schema("ReduceL2", ReduceL2.sumVersions, inputs: 1...2)
  let axes: ReductionAxes

  func kernel(_ type: ElementType, _ reduction: Reduction) -> Kernel? {
    reduction.kernel(SquareSum.self, type) { .sqrt($0) }
  }

  /// `∂y/∂x = x / y`, 0 where y = 0.
  func differentiate(_ backward: inout Backward) throws(OperatorError) {
    guard let gradient = backward.gradient() else { return }
    let g = try keepingAxes(gradient, &backward)
    let y = try keepingAxes(backward.output(0), &backward)
    let zero = try backward.scalar(0)
    let isZero = backward.builder.node("Equal", [y, zero])
    let ratio = backward.builder.node(
      "Where", [isZero, zero, backward.builder.div(g, y)])
    backward.set(0, backward.builder.mul(backward.input(0), ratio))
  }
}
