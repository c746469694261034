import ONNXFormat
import ONNXOperators

/// `Σ x²`, 0 for an empty reduction.
struct ReduceSumSquare: ReductionOperator, DifferentiableOperator {
  static let schema = Schema("ReduceSumSquare", ReduceSumSquare.sumVersions, inputs: 1...2)
  static var widening: Widening { .wrapping }
  let axes: ReductionAxes

  func kernel(_ type: ElementType, _ reduction: Reduction) -> Kernel? {
    reduction.kernel(SquareSum.self, type)
  }

  func differentiate(_ backward: inout Backward) throws(OperatorError) {
    guard let gradient = backward.gradient() else { return }
    let g = try keepingAxes(gradient, &backward)
    let twice = backward.builder.mul(g, try backward.scalar(2))
    backward.set(0, backward.builder.mul(backward.input(0), twice))
  }
}
