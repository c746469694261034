import ONNXFormat
import ONNXOperators

/// The different elements of a vector in the order in which they first occur, the place of each
/// element among them, and how often each occurs.
struct Unique: FunctionOperator {
  static let schema = Schema(
    "Unique", domain: ContribOperators.domain, [1: .float32], inputs: 1...1, outputs: 3...3)

  init(_ node: inout NodeReader) throws(OperatorError) {}

  func body(_ function: inout FunctionBuilder) throws(OperatorError) {
    let results = function.builder.nodes(
      "Unique", [function.input(0)], [.int("sorted", 0)],
      outputs: ["unique", "", "places", "counts"])
    for (output, result) in [results[0], results[2], results[3]].enumerated() {
      function.set(output, result)
    }
  }
}
