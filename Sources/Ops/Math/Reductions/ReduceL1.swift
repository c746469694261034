import ONNXFormat
import ONNXOperators

/// `Σ |x|`, 0 for an empty reduction.
struct ReduceL1: ReductionOperator, DifferentiableOperator {
  static let schema = Schema("ReduceL1", ReduceL1.sumVersions, inputs: 1...2)
  static var widening: Widening { .wrapping }
  let axes: ReductionAxes

  func kernel(_ type: ElementType, _ reduction: Reduction) -> Kernel? {
    reduction.kernel(MagnitudeSum.self, type)
  }

  func differentiate(_ backward: inout Backward) throws(OperatorError) {
    guard let gradient = backward.gradient() else { return }
    let g = try keepingAxes(gradient, &backward)
    let sign = backward.builder.node("Sign", [backward.input(0)])
    backward.set(0, backward.builder.mul(sign, g))
  }
}
