import ONNXFormat
import ONNXOperators

/// The upper or lower triangles of matrices `[…, n, m]`, from diagonal `k` on: `Trilu` before the
/// standard had it.
struct Trilu: FunctionOperator {
  static let schema = Schema(
    "Trilu", domain: ContribOperators.domain, [1: [.float32, .float64, .int64]], inputs: 1...2)
  let upper: Int

  init(_ node: inout NodeReader) throws(OperatorError) {
    upper = try node.int("upper", default: 1) == 0 ? 0 : 1
  }

  func body(_ function: inout FunctionBuilder) throws(OperatorError) {
    function.set(
      0,
      function.node("Trilu", [function.input(0), function.input(1)], [.int("upper", upper)]))
  }
}
