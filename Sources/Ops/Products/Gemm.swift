import ONNXFormat
import ONNXOperators
import RealModule

/// `Y = α · op(A) · op(B) + β · C` for matrices A and B, with `C` broadcast to the result.
struct Gemm: Operator {
  static let schema = Schema(
    "Gemm",
    [
      1: .floats, 6: .floats, 7: .floats, 9: [.floats, .int32, .int64, .uint32, .uint64],
      11: [.floats, .int32, .int64, .uint32, .uint64],
      13: [.floats, .bfloat16, .int32, .int64, .uint32, .uint64],
    ], inputs: 2...3)
  static var widening: Widening { .wrapping }
  static var parameters: [ParameterInput] { [.init(1, .weight), .init(2, .bias)] }
  let product: AffineProduct

  init(_ node: inout NodeReader) throws(OperatorError) {
    product = try AffineProduct(&node, version: node.version)
  }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] { try product.infer(inputs) }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    try product.kernel(call, .none)
  }
}

extension Gemm: DifferentiableOperator {
  func differentiate(_ backward: inout Backward) throws(OperatorError) {
    guard let gradient = backward.gradient() else { return }
    let (transposeA, transposeB) = (product.transposeA, product.transposeB)
    if backward.wants(0) {
      let b = backward.input(1)
      let result =
        transposeA
        ? scaled(b, gradient, transposeB, true, &backward)
        : scaled(gradient, b, false, !transposeB, &backward)
      backward.set(0, result)
    }
    if backward.wants(1) {
      let a = backward.input(0)
      let result =
        transposeB
        ? scaled(gradient, a, true, transposeA, &backward)
        : scaled(a, gradient, !transposeA, false, &backward)
      backward.set(1, result)
    }
    if backward.wants(2), product.beta != 0 {
      let sum = backward.builder.privateNode("SumTo", [gradient, backward.input(2)])
      if product.beta == 1 { return backward.set(2, sum) }
      let beta = try backward.scalar(Double(product.beta))
      backward.set(2, backward.builder.mul(sum, beta))
    }
  }

  /// `α · op(a) · op(b)`.
  private func scaled(
    _ a: String, _ b: String, _ transposeA: Bool, _ transposeB: Bool, _ backward: inout Backward
  ) -> String {
    var attributes: [Attribute] = []
    if product.alpha != 1 { attributes.append(.float("alpha", product.alpha)) }
    if transposeA { attributes.append(.int("transA", 1)) }
    if transposeB { attributes.append(.int("transB", 1)) }
    return backward.builder.node("Gemm", [a, b], attributes)
  }
}

/// `activation(Gemm(A, B, C))`: the fusion of a matrix product and the node that follows.
struct FusedGemm: Operator {
  static let schema = Schema(
    "FusedGemm", domain: "swift.onnx", [1: [.floats, .bfloat16]], inputs: 2...3)
  let product: AffineProduct
  let activation: Activation

  init(_ node: inout NodeReader) throws(OperatorError) {
    product = try AffineProduct(&node, version: 13)
    activation = try Activation(&node)
  }

  /// The node for a product with an activation. An empty name is omitted.
  ///
  /// - Parameter attributes: the attributes of the `Gemm` node
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
    let kernel = try product.kernel(call, activation)
    activation.note(in: call)
    return kernel
  }
}

extension Gemm {
  static var versionSteps: [VersionStep] {
    [
      VersionStep(
        7,
        up: { change throws(OperatorError) in change.drop("broadcast") },
        down: { change throws(OperatorError) in change.set(.int("broadcast", 1)) }),
      VersionStep(
        11,
        down: { change throws(OperatorError) in
          guard !change.has(2) else { return }
          change.setInput(2, try change.scalar(0, try change.elementType(0), "c"))
        }),
    ]
  }
}

extension Gemm: FusingOperator {
  func fused(with next: FusionPartner) -> Fusion? {
    guard let function = next.nextOperator as? any ActivationOperator,
      let type = next.type(next.node.outputs[0])?.tensorType,
      FusedGemm.schema.versions[0].types.contains(type.elementType),
      let activation = function.activation(next)
    else { return nil }
    let inputs = next.node.inputs
    return Fusion(
      FusedGemm.makeNode(
        a: inputs[0], b: inputs[1], c: inputs.count > 2 ? inputs[2] : "",
        output: next.next.outputs[0],
        // `broadcast` is an attribute of version 6 and earlier; later versions always broadcast.
        attributes: next.node.attributes.filter { $0.name != "broadcast" }, activation: activation,
        name: next.node.name))
  }
}

extension Gemm {
  static func linearWeight(_ node: Node) -> LinearWeight? {
    let isTransposed = node.integer("transB") ?? 0 != 0
    return LinearWeight(outputAxis: isTransposed ? 0 : 1, sumAxis: isTransposed ? 1 : 0)
  }

  static func integerProduct(_ node: Node) -> String? {
    node.integer("transA") ?? 0 == 0 ? MatMulInteger.schema.name : nil
  }
}

extension Gemm {
  func steps(_ site: StepSite) throws(OperatorError) -> StepRelation {
    product.transposeA || !site.onlyFirstHasSteps || site.axis() != 0 ? .wholeSequence : .sameStep
  }
}
