import ONNXFormat
import ONNXOperators

/// `LinearAttention` of the standard, in the domain where exporters found it first.
struct LinearAttention: FunctionOperator {
  static let schema = Schema(
    "LinearAttention", domain: ContribOperators.domain,
    [1: [.float32, .float16, .bfloat16]], inputs: 3...6, outputs: 1...2)
  private let attention: [Attribute]

  init(_ node: inout NodeReader) throws(OperatorError) {
    let window = try node.int("state_window", default: 0)
    guard window == 0 else { throw .unsupported("state_window \(window) instead of 0") }
    attention = node.attributes(prefix: "").filter { $0.name != "state_window" }
  }

  func body(_ function: inout FunctionBuilder) throws(OperatorError) {
    let results = function.builder.nodes(
      "LinearAttention", (0...5).map { function.input($0) }, attention, outputs: ["y", "state"],
      operatorSet: 27)
    for (index, result) in results.enumerated() { function.set(index, result) }
  }
}
