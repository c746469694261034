import ONNXFormat
import ONNXOperators
import ONNXProducts

/// Convolution:
/// `Y[n, m, o] = B[m] + Σ over c, k of X[n, c, o·stride − pad + k·dilation] · W[m, c, k]`, where
/// `c` runs over the channels of `m`'s group.
struct Conv: Operator {
  static let schema = Schema(
    "Conv", [1: .floats, 11: .floats, 22: [.floats, .bfloat16]], inputs: 2...3)
  static var parameters: [ParameterInput] { [.init(1, .weight), .init(2, .bias)] }
  let convolution: Convolution

  init(_ node: inout NodeReader) throws(OperatorError) {
    convolution = try Convolution(&node)
  }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    try convolution.inferReal(inputs)
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    try convolution.realKernel(call, Epilogue(bias: call.inputs.has(2) ? 2 : nil))
  }
}

/// `activation(Conv(X, W, B) + Z)`: the fusion of a convolution with the nodes that follow it.
struct FusedConv: Operator {
  static let schema = Schema(
    "FusedConv", domain: "swift.onnx", [1: [.floats, .bfloat16]], inputs: 2...4)
  let convolution: Convolution
  let activation: Activation

  init(_ node: inout NodeReader) throws(OperatorError) {
    convolution = try Convolution(&node)
    activation = try Activation(&node)
  }

  /// The node for a convolution with a residual and an activation. Empty names are omitted.
  ///
  /// - Parameters:
  ///   - attributes: the attributes of the `Conv` node
  ///   - residual: a tensor of the result's shape
  static func makeNode(
    x: String, weights: String, bias: String = "", residual: String = "", output: String,
    attributes: [Attribute], activation: Activation = .none, name: String? = nil
  ) -> Node {
    var inputs = [x, weights, bias, residual]
    while inputs.last == "" { inputs.removeLast() }
    return Node(
      schema.name, domain: schema.domain, name: name, inputs: inputs, outputs: [output],
      attributes: attributes + activation.attributes)
  }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let result = try convolution.inferReal(inputs)
    if inputs.has(3) {
      let residual = try inputs.tensor(3, sameTypeAs: 0).shape
      if let residual, let shape = result[0].tensorType?.shape {
        let fits =
          residual.rank == shape.rank
          && zip(residual, shape).allSatisfy { $0.size == nil || $1.size == nil || $0 == $1 }
        guard fits else {
          throw .input(3, "expected shape \(shape), the shape of the result, got \(residual)")
        }
      }
    }
    return result
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    let epilogue = Epilogue(
      bias: call.inputs.has(2) ? 2 : nil, residual: call.inputs.has(3) ? 3 : nil,
      activation: activation)
    let kernel = try convolution.realKernel(call, epilogue)
    epilogue.note(in: call)
    return kernel
  }
}

extension Convolution {
  /// The type of the result for inputs X, W and optionally B of the same element type.
  fileprivate func inferReal(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let type = try inputs.tensor(0).elementType
    _ = try inputs.tensor(1, sameTypeAs: 0)
    if inputs.has(2) { _ = try inputs.tensor(2, sameTypeAs: 0) }
    try checkBias(inputs, 2)
    return [.tensor(type, try infer(inputs))]
  }

  fileprivate func realKernel(
    _ call: Preparation, _ epilogue: Epilogue
  ) throws(OperatorError) -> Kernel {
    let geometry = try geometry(call)
    if geometry.isEmpty { return .compute { _ in } }
    let direct = DirectConvolution(geometry: geometry)
    switch try call.elementType(0) {
    case .float16, .bfloat16:
      return try call.widened { (wide) throws(OperatorError) in try realKernel(wide, epilogue) }
    case .float32:
      let fast = FloatConvolution(geometry: geometry, epilogue: epilogue)
      if let kernel = try fast.kernel(call) { return kernel }
      call.note("plain loops")
      return direct.kernel(RealConvolution<Float>(epilogue: epilogue))
    case .float64:
      call.note("plain loops")
      return direct.kernel(RealConvolution<Double>(epilogue: epilogue))
    case let type: throw .input(0, "element type \(type) is not supported")
    }
  }
}

extension Conv {
  static func linearWeight(_ node: Node) -> LinearWeight? { LinearWeight(outputAxis: 0) }
  static func integerProduct(_ node: Node) -> String? { ConvInteger.schema.name }
}

extension Conv {
  func steps(_ site: StepSite) throws(OperatorError) -> StepRelation {
    let kernel = Array(site.sizes(1).dropFirst(2))
    let window = try convolution.attributes.steps(site, kernel: kernel)
    return window.map { .window($0) } ?? .wholeSequence
  }
}
