import ONNXFormat
import ONNXOperators

/// The smallest element, NaN if any element is. An empty reduction gives ∞ or the largest integer.
struct ReduceMin: ExtremeReduction {
  typealias Kind = Least
  static let schema = Schema("ReduceMin", ReduceMin.versions, inputs: 1...2)
  let axes: ReductionAxes
}
