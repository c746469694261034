import ONNXFormat
import ONNXOperators

/// `MatMulInteger`, scaled to float32: `Y = activation(scale · Σ (a − za) · (b − zb) + bias)`, with one
/// scale or one per column, an optional bias per column, and an activation that clamps. Scale and bias
/// are rounded as the separate nodes would.
struct ScaledMatMulInteger: Operator {
  static let schema = Schema(
    "ScaledMatMulInteger", domain: "swift.onnx", [1: [.int8, .uint8]], inputs: 5...6)
  let activation: Activation

  init(_ node: inout NodeReader) throws(OperatorError) {
    activation = try Activation(&node)
    guard activation.isClamp else {
      throw .attribute("activation", "expected Relu or Clip, got \(activation.name ?? "none")")
    }
  }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let a = try inputs.tensor(0, [.int8, .uint8])
    let b = try inputs.tensor(1, [.int8, .uint8])
    try inputs.checkQuantization(of: 0, zeroPoint: 2)
    try inputs.checkQuantization(of: 1, zeroPoint: 3)
    _ = try inputs.tensor(4, .float32)
    if inputs.has(5) { _ = try inputs.tensor(5, .float32) }
    return [.tensor(.float32, try productShape(a.shape, b.shape))]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    let operands = try QuantizedOperands(call, a: 0, b: 1, zeroA: 2, zeroB: 3)
    let columns = operands.sizes.columns
    let scale = try QuantizationParameter(call, 4, lines: columns)
    let bias = call.inputs.has(5) ? 5 : nil
    if bias != nil, try call.inputCount(5) != columns {
      throw .input(5, "expected \(columns) elements, one per column")
    }
    activation.note(in: call)
    let result = ByteResult.scaled(scale: scale, bias: bias, activation: activation)
    if let product = try ByteProduct(call, operands, result) { return product.kernel() }
    call.note("plain loops over 8-bit integers")
    switch (try call.elementType(0), try call.elementType(1)) {
    case (.int8, .int8): return kernel(operands, Int8.self, Int8.self, scale, bias)
    case (.int8, _): return kernel(operands, Int8.self, UInt8.self, scale, bias)
    case (_, .int8): return kernel(operands, UInt8.self, Int8.self, scale, bias)
    default: return kernel(operands, UInt8.self, UInt8.self, scale, bias)
    }
  }

  private func kernel<A: QuantizedElement, B: QuantizedElement>(
    _ operands: QuantizedOperands, _ a: A.Type, _ b: B.Type, _ scale: QuantizationParameter,
    _ bias: Int?
  ) -> Kernel {
    operands.kernel(
      ScaledRule(
        product: IntegerProduct<A, B>(operands), scale: scale, bias: bias, activation: activation))
  }
}

private struct ScaledRule<A: QuantizedElement, B: QuantizedElement>: ProductRule {
  typealias Context = (zero: IntegerProduct<A, B>.Context, buffers: Buffers)
  let product: IntegerProduct<A, B>
  let scale: QuantizationParameter
  let bias: Int?
  let activation: Activation

  func context(_ buffers: Buffers, a: Int, b: Int) -> Context {
    (product.context(buffers, a: a, b: b), buffers)
  }
  func left(_ a: A, row: Int, _ context: Context) -> Int32 {
    product.left(a, row: row, context.zero)
  }
  func right(_ b: B, column: Int, _ context: Context) -> Int32 {
    product.right(b, column: column, context.zero)
  }
  var start: Int32 { 0 }
  func add(_ sum: inout Int32, _ a: Int32, _ b: Int32) { product.add(&sum, a, b) }

  func finish(_ sum: Int32, row: Int, column: Int, _ context: Context) -> Float {
    let y = Float(sum) * scale.scale(context.buffers, .float32, line: column)
    return activation.apply(
      y + (bias.map { context.buffers.input($0, as: Float.self)[column] } ?? 0))
  }
}

extension ScaledMatMulInteger {
  /// The nodes that onnxruntime's dynamic quantisation writes.
  static var rewrites: [RewriteRule] {
    let cast: @Sendable (Node, GraphView) -> Bool = { node, view in
      node.outputs.first.flatMap { view.type($0)?.tensorType?.elementType } == .float32
    }
    let (a, b) = (RewritePattern.value("a"), RewritePattern.value("b"))
    let (zeroA, zeroB) = (RewritePattern.value("zeroA"), RewritePattern.value("zeroB"))
    return [[a, b], [a, b, zeroA], [a, b, zeroA, zeroB]].flatMap { inputs in
      let sums = RewritePattern.node("MatMulInteger", inputs) { node, _ in
        (node.inputs.lastIndex { !$0.isEmpty } ?? 0) == inputs.count - 1
      }
      let scaled = RewritePattern.product(.node("Cast", [sums], where: cast), .value("scale"))
      return [
        RewriteRule(.sum(scaled, .value("bias"))) { replacement($0, hasBias: true) },
        RewriteRule(scaled) { replacement($0, hasBias: false) },
      ]
    }
  }

  /// - Returns: `nil` unless scale and bias belong to columns
  private static func replacement(_ match: RewriteMatch, hasBias: Bool) -> Node? {
    guard let columns = match.type("b")?.shape?.last?.size,
      (match.type("b")?.shape?.rank ?? 0) >= 2, (match.type("a")?.shape?.rank ?? 0) >= 2,
      let scale = match.type("scale")?.shape?.sizes, scale.count <= 1,
      scale.first ?? 1 == 1 || scale.first == columns
    else { return nil }
    if hasBias {
      guard match.type("bias")?.shape?.sizes == [columns] else { return nil }
    }
    let inputs = ["a", "b", "zeroA", "zeroB", "scale"] + (hasBias ? ["bias"] : [])
    return match.node(schema.name, inputs, domain: schema.domain, version: 1)
  }
}

extension ScaledMatMulInteger: FusingOperator {
  func fused(with next: FusionPartner) -> Fusion? {
    guard activation == .none, let function = next.nextOperator as? any ActivationOperator,
      let activation = function.activation(next), activation.isClamp
    else { return nil }
    var node = next.node
    node.outputs = next.next.outputs
    node.attributes += activation.attributes
    return Fusion(node)
  }
}
