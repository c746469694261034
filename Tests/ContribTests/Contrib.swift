import ONNX
import OperatorLaws
import Testing

/// Runs a node of `com.microsoft` on tensors, and checks the laws of all operators.
/// - Returns: output 0.
func contrib(
  _ name: String, _ inputs: [Tensor?], _ attributes: [Attribute] = [],
  sourceLocation: SourceLocation = #_sourceLocation
) throws -> Tensor {
  let node = Node(
    name, domain: "com.microsoft",
    inputs: inputs.indices.map { inputs[$0] == nil ? "" : "x\($0)" }, outputs: ["y"],
    attributes: attributes)
  let results = try checkOperator(node, inputs, opset: 1, sourceLocation: sourceLocation)
  return try #require(results[0], sourceLocation: sourceLocation)
}

/// A vector.
func vector<T: Element>(_ values: T...) -> Tensor { Tensor(shape: [values.count], values) }

/// A matrix with rows of two elements.
func pairs<T: Element>(_ values: T...) -> Tensor { Tensor(shape: [values.count / 2, 2], values) }

/// Whether all elements are within 1e-5 of these.
func isClose(_ tensor: Tensor, _ expected: [Float]) -> Bool {
  let elements = tensor.elements(as: Float.self)
  return elements.count == expected.count
    && zip(elements, expected).allSatisfy { abs($0 - $1) < 1e-5 * max(1, abs($1)) }
}
