import ONNXFormat
import ONNXOperators

/// `ConvTranspose` with its padding as an int64 input, the begins of all axes and then the ends.
struct ConvTransposeWithDynamicPads: FunctionOperator {
  static let schema = Schema(
    "ConvTransposeWithDynamicPads", domain: ContribOperators.domain, [1: .floats], inputs: 2...4)
  private let convolution: [Attribute]

  init(_ node: inout NodeReader) throws(OperatorError) {
    convolution = node.attributes(prefix: "")
  }

  func body(_ function: inout FunctionBuilder) throws(OperatorError) {
    let full = function.node(
      "ConvTranspose", [function.input(0), function.input(1), function.input(3)], convolution)
    guard function.has(2) else { return function.set(0, full) }
    // Padding takes away what the product adds at the borders.
    let halves = function.builder.nodes(
      "Split", [function.input(2)], [.int("num_outputs", 2)], outputs: ["begins", "ends"],
      operatorSet: 18)
    let sizes = function.node(
      "Slice",
      [
        function.builder.shape(of: full), function.builder.integers([2]),
        function.builder.integers([Int(Int32.max)]),
      ])
    let ends = function.node("Sub", [sizes, halves[1]])
    let zero = function.builder.constant(Tensor(shape: [], [0 as Int64]))
    let one = function.builder.constant(Tensor(shape: [], [1 as Int64]))
    let count = function.node("Squeeze", [function.builder.shape(of: halves[0])])
    let two = function.builder.constant(Tensor(shape: [], [2 as Int64]))
    let axes = function.node("Add", [function.node("Range", [zero, count, one]), two])
    function.set(0, function.node("Slice", [full, halves[0], ends, axes]))
  }
}
