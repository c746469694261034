import ONNXFormat
import ONNXOperators
import ONNXProducts

extension ConvTranspose: DifferentiableOperator {
  func differentiate(_ backward: inout Backward) throws(OperatorError) {
    guard let gradient = backward.gradient() else { return }
    let (x, w) = (backward.input(0), backward.input(1))
    for (input, name) in [
      (0, ConvTransposeInputGrad.schema.name), (1, ConvTransposeWeightGrad.schema.name),
    ] where backward.wants(input) {
      backward.set(gradientOf: input, to: name, [gradient, w, x])
    }
    if backward.wants(2) { try setBias(gradient, &backward) }
  }

  /// The sizes of the convolution over the result that computes the gradients, for inputs G, W
  /// and X.
  fileprivate func gradientGeometry(
    _ call: Preparation
  ) throws(OperatorError) -> ConvolutionGeometry {
    let image = try call.inputSizes(2)
    let weights = try call.inputSizes(1)
    let window = try window(image: image, weights: weights)
    _ = try call.count([image[0], weights[1], groups, window.inputCount])
    _ = try call.count([weights[1], window.kernelCount])
    return ConvolutionGeometry(
      batch: image[0], groups: groups, channels: weights[1], maps: image[1] / groups,
      window: window)
  }

  /// Checks inputs G, W and X.
  fileprivate func checkGradient(_ inputs: Inputs) throws(OperatorError) {
    let types = [try inputs.type(2), try inputs.type(1)]
    let result = try infer(Inputs(types: types))[0].tensorType
    try inputs.check(0, isLike: result?.shape, type: inputs.tensor(2).elementType)
  }
}

/// The gradient of a transposed convolution for its image: a convolution of the gradient of the
/// result. Inputs are that gradient, `W`, and `X`, of which only the shape is read.
struct ConvTransposeInputGrad: Operator {
  static let schema = Schema(
    "ConvTransposeInputGrad", gradientOf: ConvTranspose.schema, inputs: 3...3, outputs: 1...1)
  let base: ConvTranspose

  init(_ node: inout NodeReader) throws(OperatorError) { base = try ConvTranspose(&node) }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    try base.checkGradient(inputs)
    return [.tensor(try inputs.tensor(2))]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    let geometry = try base.gradientGeometry(call)
    if geometry.isEmpty { return .compute { _ in } }
    let epilogue = Epilogue(bias: nil)
    switch try call.elementType(0) {
    case .float32:
      let fast = FloatConvolution(geometry: geometry, epilogue: epilogue)
      return try fast.kernel(call) ?? direct(geometry, Float.self)
    case .float64: return direct(geometry, Double.self)
    case .float16, .bfloat16: return try call.widened(prepare)
    case let type: throw .input(0, "element type \(type) is not supported")
    }
  }

  private func direct<T: RealElement>(_ geometry: ConvolutionGeometry, _ type: T.Type) -> Kernel {
    DirectConvolution(geometry: geometry).kernel(
      RealConvolution<T>(epilogue: Epilogue(bias: nil)))
  }
}

/// The gradient of a transposed convolution for its weights. Inputs are the gradient of the result,
/// `W`, of which only the shape is read, and `X`.
struct ConvTransposeWeightGrad: Operator {
  static let schema = Schema(
    "ConvTransposeWeightGrad", gradientOf: ConvTranspose.schema, inputs: 3...3, outputs: 1...1)
  let base: ConvTranspose

  init(_ node: inout NodeReader) throws(OperatorError) { base = try ConvTranspose(&node) }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    try base.checkGradient(inputs)
    return [.tensor(try inputs.tensor(1))]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    try WeightGradient(
      geometry: try base.gradientGeometry(call), g: 2, x: 0, hasBias: false
    ).kernel(call)
  }
}
