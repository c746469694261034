import ONNXFormat

extension Conv: DifferentiableOperator {
  func differentiate(_ backward: inout Backward) throws(OperatorError) {
    guard let gradient = backward.gradient() else { return }
    let (x, w) = (backward.input(0), backward.input(1))
    let attributes = backward.forward.attributes
    if backward.wants(0) {
      backward.set(
        0,
        backward.builder.node(
          ConvInputGrad.schema.name, [gradient, w, x], attributes, domain: Registry.privateDomain,
          operatorSet: backward.operatorSet, hint: "\(x)_grad"))
    }
    if backward.wants(1) {
      let bias = backward.wants(2) ? "\(backward.input(2))_grad" : ""
      let results = backward.builder.nodes(
        ConvWeightGrad.schema.name, [gradient, x, w], attributes, outputs: ["\(w)_grad", bias],
        domain: Registry.privateDomain, operatorSet: backward.operatorSet)
      backward.set(1, results[0])
      if backward.wants(2) { backward.set(2, results[1]) }
    } else if backward.wants(2) {
      try setBias(gradient, &backward)
    }
  }
}

/// States the gradient of a bias, input 2: the sum over all but the channels.
func setBias(_ gradient: String, _ backward: inout Backward) throws(OperatorError) {
  let axes = [0] + Array(2..<max(try backward.rank(0), 2))
  backward.set(2, backward.builder.reduceSum(gradient, axes: axes, keepAxes: false))
}

/// The gradient of a convolution by its image: `gX[n, c, o·stride − pad + k·dilation]` is the sum
/// of `G[n, m, o] · W[m, c, k]`. Inputs are the gradient `G` of the result, `W`, and `X` for its
/// shape.
struct ConvInputGrad: Operator {
  static let schema = Schema(
    "ConvInputGrad", gradientOf: Conv.schema, inputs: 3...3, outputs: 1...1)
  let convolution: Convolution

  init(_ node: inout NodeReader) throws(OperatorError) { convolution = try Convolution(&node) }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    try inputs.check(
      0, isLike: try convolution.infer(inputs, x: 2, w: 1), type: try inputs.tensor(2).elementType)
    _ = try inputs.tensor(1, sameTypeAs: 0)
    return [.tensor(try inputs.tensor(2))]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    let geometry = try convolution.geometry(call, x: 2, w: 1)
    if geometry.batch == 0 || geometry.channels == 0 || geometry.window.inputCount == 0 {
      return .compute { _ in }
    }
    let transposed = TransposedConvolution(
      batch: geometry.batch, groups: geometry.groups, channels: geometry.maps,
      maps: geometry.channels, window: geometry.window, hasBias: false)
    switch try call.elementType(0) {
    case .float32 where !geometry.isEmpty: return try transposed.floatKernel(threads: call.threads)
    case .float32: return transposed.kernel(threads: call.threads, Float.self)
    case .float64: return transposed.kernel(threads: call.threads, Double.self)
    case .float16: return transposed.kernel(threads: call.threads, Float16.self)
    case .bfloat16: return transposed.kernel(threads: call.threads, BFloat16.self)
    case let type: throw .input(0, "no kernel for \(type)")
    }
  }
}

/// The gradients of a convolution by its weights and its bias:
/// `gW[m, c, k] = Σ over n, o of G[n, m, o] · X[n, c, o·stride − pad + k·dilation]` and
/// `gB[m] = Σ over n, o of G[n, m, o]`. Inputs are the gradient `G` of the result, `X`, and `W` for
/// its shape.
struct ConvWeightGrad: Operator {
  static let schema = Schema(
    "ConvWeightGrad", gradientOf: Conv.schema, inputs: 3...3, outputs: 1...2)
  let convolution: Convolution

  init(_ node: inout NodeReader) throws(OperatorError) { convolution = try Convolution(&node) }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    try inputs.check(
      0, isLike: try convolution.infer(inputs, x: 1, w: 2), type: try inputs.tensor(1).elementType)
    let weights = try inputs.tensor(2, sameTypeAs: 0)
    return [
      .tensor(weights), .tensor(weights.elementType, weights.shape.map { Shape([$0[0]]) }),
    ]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    let geometry = try convolution.geometry(call, x: 1, w: 2)
    return try WeightGradient(geometry: geometry, g: 0, x: 1, hasBias: call.wants(1)).kernel(call)
  }
}

extension Inputs {
  /// Checks that an input has this element type and, where known, this shape.
  func check(_ index: Int, isLike shape: Shape?, type: ElementType) throws(OperatorError) {
    let tensor = try tensor(index)
    guard tensor.elementType == type else {
      throw .input(index, "expected the element type \(type), got \(tensor.elementType)")
    }
    guard let shape, let own = tensor.shape else { return }
    let fits =
      own.rank == shape.rank
      && zip(own, shape).allSatisfy { a, b in a.size == nil || b.size == nil || a.size == b.size }
    guard fits else { throw .input(index, "expected shape \(shape), got \(own)") }
  }
}
