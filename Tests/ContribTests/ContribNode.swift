import ONNX
import OperatorLaws
import Testing

/// A node of `com.microsoft` with as many inputs and outputs as given.
func contribNode(
  _ name: String, inputs: Int, outputs: Int = 1, _ attributes: [Attribute] = [],
  domain: String = "com.microsoft"
) -> Node {
  Node(
    name, domain: domain, inputs: (0..<inputs).map { "x\($0)" },
    outputs: (0..<outputs).map { "y\($0)" }, attributes: attributes)
}

/// Checks the laws of operators on float32 tensors, and compares the outputs with expected numbers.
func expectContrib(
  _ node: Node, _ inputs: [Tensor], _ expected: [[Float]],
  sourceLocation: SourceLocation = #_sourceLocation
) throws {
  let results = try checkOperator(node, inputs, opset: 1, sourceLocation: sourceLocation)
  #expect(results.count >= expected.count, sourceLocation: sourceLocation)
  for (result, numbers) in zip(results, expected) where !numbers.isEmpty {
    let elements = Array(try #require(result).elements(as: Float.self))
    #expect(elements.count == numbers.count, sourceLocation: sourceLocation)
    for (a, b) in zip(elements, numbers) {
      #expect(
        abs(a - b) < 1e-5 * max(1, abs(b)), "expected \(numbers), got \(elements)",
        sourceLocation: sourceLocation)
    }
  }
}

/// A float32 tensor.
func floats(_ shape: [Int], _ values: [Float]) -> Tensor { Tensor(shape: shape, values) }
