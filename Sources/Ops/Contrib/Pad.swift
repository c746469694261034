import ONNXFormat
import ONNXOperators

/// `Pad` with the widths as an int64 input `[2 · rank]` or `[1, 2 · rank]`, and the value as a scalar or
/// a tensor of one element.
struct Pad: FunctionOperator {
  static let schema = Schema(
    "Pad", domain: ContribOperators.domain, [1: .floats], inputs: 2...3)
  let mode: String

  init(_ node: inout NodeReader) throws(OperatorError) {
    mode = try node.choice(
      "mode", default: "constant", among: ["constant", "reflect", "edge", "wrap"])
  }

  func body(_ function: inout FunctionBuilder) throws(OperatorError) {
    let pads = function.node("Reshape", [function.input(1), function.builder.integers([-1])])
    let value = function.has(2) ? function.node("Squeeze", [function.input(2)]) : ""
    function.set(
      0, function.node("Pad", [function.input(0), pads, value], [.string("mode", mode)]))
  }
}
