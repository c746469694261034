import ONNXFormat
import ONNXOperators

/// `activation(Conv(X, W, B) + Z)`, where B and Z are optional and Z has the shape of the result.
struct FusedConv: FunctionOperator {
  static let schema = Schema(
    "FusedConv", domain: ContribOperators.domain, [1: .floats], inputs: 2...4)
  let activation: FusedActivation
  private let convolution: [Attribute]

  init(_ node: inout NodeReader) throws(OperatorError) {
    activation = try FusedActivation(&node)
    convolution = node.attributes(prefix: "").filter { !$0.name.hasPrefix("activation") }
  }

  func body(_ function: inout FunctionBuilder) throws(OperatorError) {
    var y = function.node("Conv", (0...2).map { function.input($0) }, convolution)
    if function.has(3) { y = function.node("Add", [y, function.input(3)]) }
    function.set(0, activation.apply(y, &function))
  }
}
