import ONNXFormat
import ONNXOperators

/// Samples of images `[N, C, H, W]` at the places of a grid `[N, H′, W′, 2]`: `GridSample` before the
/// standard had it.
struct GridSample: FunctionOperator {
  static let schema = Schema(
    "GridSample", domain: ContribOperators.domain, [1: .floats], inputs: 2...2)
  private let sampling: [Attribute]

  init(_ node: inout NodeReader) throws(OperatorError) {
    sampling = node.attributes(prefix: "")
  }

  func body(_ function: inout FunctionBuilder) throws(OperatorError) {
    function.set(
      0,
      function.node(
        "GridSample", [function.input(0), function.input(1)], sampling, version: 16))
  }
}
