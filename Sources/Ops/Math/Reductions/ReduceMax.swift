import ONNXFormat
import ONNXOperators

/// The largest element, NaN if any element is. An empty reduction gives −∞ or the smallest integer.
struct ReduceMax: ExtremeReduction {
  typealias Kind = Greatest
  static let schema = Schema("ReduceMax", ReduceMax.versions, inputs: 1...2)
  let axes: ReductionAxes
}
