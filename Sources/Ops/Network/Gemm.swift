import ONNXFormat
import RealModule

/// `Y = α · op(A) · op(B) + β · C` of matrices, `C` broadcast to the result.
struct Gemm: Operator {
  static let schema = Schema(
    "Gemm",
    [
      1: .floats, 6: .floats, 7: .floats, 9: [.floats, .int32, .int64, .uint32, .uint64],
      11: [.floats, .int32, .int64, .uint32, .uint64],
      13: [.floats, .bfloat16, .int32, .int64, .uint32, .uint64],
    ], inputs: 2...3)
  let product: AffineProduct

  init(_ node: inout NodeReader) throws(OperatorError) {
    product = try AffineProduct(&node, version: node.version)
  }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] { try product.infer(inputs) }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    try product.kernel(call, .none)
  }
}

/// `activation(Gemm(A, B, C))`: what fusion makes of a matrix product and its follower.
struct FusedGemm: Operator {
  static let schema = Schema(
    "FusedGemm", domain: "swift.onnx", [1: [.floats, .bfloat16]], inputs: 2...3)
  let product: AffineProduct
  let activation: Activation

  init(_ node: inout NodeReader) throws(OperatorError) {
    product = try AffineProduct(&node, version: 13)
    activation = try Activation(&node)
  }

  /// The node for a product with an activation; an empty name is left out.
  ///
  /// - Parameter attributes: those of the `Gemm` node
  static func makeNode(
    a: String, b: String, c: String = "", output: String, attributes: [Attribute] = [],
    activation: Activation = .none, name: String? = nil
  ) -> Node {
    Node(
      schema.name, domain: schema.domain, name: name, inputs: c.isEmpty ? [a, b] : [a, b, c],
      outputs: [output], attributes: attributes + activation.attributes)
  }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] { try product.infer(inputs) }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    try product.kernel(call, activation)
  }
}
