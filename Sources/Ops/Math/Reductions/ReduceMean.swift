import ONNXFormat
import ONNXOperators

/// `Σ x / n`, NaN for an empty reduction. Integer results are truncated.
struct ReduceMean: ReductionOperator, DifferentiableOperator {
  static let schema = Schema("ReduceMean", ReduceMean.sumVersions, inputs: 1...2)
  let axes: ReductionAxes

  func kernel(_ type: ElementType, _ reduction: Reduction) -> Kernel? {
    let count = Double(reduction.inputsPerOutput)
    return reduction.kernel(ValueSum.self, type) { $0 / count }
  }

  func differentiate(_ backward: inout Backward) throws(OperatorError) {
    guard let gradient = backward.gradient() else { return }
    let sizes = [backward.input(0), backward.output(0)].map {
      backward.builder.node("Size", [$0])
    }
    let one = backward.builder.constant(Tensor(1 as Int64))
    let outputs = backward.builder.node("Max", [sizes[1], one])
    let count = backward.builder.cast(
      backward.builder.div(sizes[0], outputs), to: try backward.elementType())
    backward.set(0, try spread(backward.builder.div(gradient, count), &backward))
  }
}
