import ONNXFormat
import ONNXOperators
import ONNXProducts

extension Conv: DifferentiableOperator {
  func differentiate(_ backward: inout Backward) throws(OperatorError) {
    guard let gradient = backward.gradient() else { return }
    let (x, w) = (backward.input(0), backward.input(1))
    let attributes = backward.forward.attributes
    if backward.wants(0), let mirrored = mirrored(backward) {
      let flipped = backward.builder.node(
        ConvWeightFlip.schema.name, [w], [.int("group", convolution.groups)],
        domain: Registry.privateDomain, operatorSet: backward.operatorSet)
      backward.set(
        0,
        backward.builder.node(
          "Conv", [gradient, flipped], mirrored, operatorSet: backward.operatorSet,
          hint: "\(x)_grad"))
    } else if backward.wants(0) {
      backward.set(gradientOf: 0, to: ConvInputGrad.schema.name, [gradient, w, x])
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

extension Conv {
  /// Without strides, the gradient for the image is a convolution of the result's gradient and the
  /// mirrored kernel. Returns its attributes, or `nil` with strides or if a matrix product is used.
  private func mirrored(_ backward: Backward) -> [Attribute]? {
    let window = convolution.attributes
    guard let weights = try? backward.shape(1), window.strides?.allSatisfy({ $0 == 1 }) ?? true
    else { return nil }
    let kernel = weights.dropFirst(2).compactMap(\.size)
    guard !kernel.isEmpty, kernel.count == weights.rank - 2, kernel.contains(where: { $0 > 1 })
    else { return nil }
    let dilations = window.dilations ?? kernel.map { _ in 1 }
    guard dilations.count == kernel.count, (window.pads?.count ?? 0) <= 2 * kernel.count else {
      return nil
    }
    var begins: [Int] = []
    var ends: [Int] = []
    for (axis, size) in kernel.enumerated() {
      let (span, overflow) = (size - 1).multipliedReportingOverflow(by: dilations[axis])
      guard !overflow else { return nil }
      var own = (begin: window.begin(axis), end: window.end(axis, of: kernel.count))
      switch window.autoPad {
      case .notSet: break
      case .valid: own = (0, 0)
      case .sameUpper: own = (span / 2, span - span / 2)
      case .sameLower: own = (span - span / 2, span / 2)
      }
      guard own.begin <= span, own.end <= span else { return nil }
      begins.append(span - own.begin)
      ends.append(span - own.end)
    }
    // One window covers the image.
    if let image = try? backward.shape(0), zip(begins, ends).allSatisfy({ $0 == $1 }),
      zip(image.dropFirst(2), zip(kernel, begins)).allSatisfy({
        $0.size == $1.0 && $1.1 == $1.0 - 1
      })
    {
      return nil
    }
    return [
      .ints("kernel_shape", kernel), .ints("dilations", dilations), .ints("pads", begins + ends),
      .int("group", convolution.groups),
    ]
  }
}

/// The weights of the convolution that computes the gradient of a convolution for its image:
/// `Y[g · C + c, m, k] = W[g · M + m, c, last − k]` for each of `group` groups.
struct ConvWeightFlip: Operator {
  static let schema = Schema(
    "ConvWeightFlip", gradientOf: Conv.schema, inputs: 1...1, outputs: 1...1)
  let groups: Int

  init(_ node: inout NodeReader) throws(OperatorError) {
    groups = try node.int("group", default: 1)
    guard groups > 0 else { throw .attribute("group", "expected 1 or more, got \(groups)") }
  }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let weights = try inputs.tensor(0)
    guard let shape = weights.shape else { return [.tensor(weights.elementType, nil)] }
    guard shape.rank >= 3 else { throw .input(0, "expected rank 3 or higher, got shape \(shape)") }
    var result = shape
    (result[0], result[1]) = (.unknown, .unknown)
    if let maps = shape[0].size {
      guard maps % groups == 0 else {
        throw .input(0, "\(maps) output channels are not divisible by group \(groups)")
      }
      result[1] = .size(maps / groups)
    }
    if let channels = shape[1].size {
      let (count, overflow) = channels.multipliedReportingOverflow(by: groups)
      guard !overflow else { throw .input(0, "\(groups) groups of \(channels) channels overflow") }
      result[0] = .size(count)
    }
    return [.tensor(weights.elementType, result)]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    let sizes = try call.inputSizes(0)
    let size = try call.count(sizes.dropFirst(2))
    _ = try call.count([sizes[0], sizes[1], size])
    switch try call.elementType(0).stride {
    case 2: return kernel(sizes, size, UInt16.self)
    case 4: return kernel(sizes, size, UInt32.self)
    default: return kernel(sizes, size, UInt64.self)
    }
  }

  private func kernel<T: FixedWidthInteger & Sendable>(
    _ sizes: [Int], _ size: Int, _ type: T.Type
  ) -> Kernel {
    let (maps, channels) = (sizes[0] / groups, sizes[1])
    let tiles = Tiles(groups * channels, cost: .work(maps, size))
    let tile: Buffers.Tile = { buffers, task, _ in
      for index in tiles[task] {
        let (group, channel) = index.quotientAndRemainder(dividingBy: channels)
        for map in 0..<maps {
          let w =
            buffers.input(0, as: T.self) + ((group * maps + map) * channels + channel) * size
          let y = buffers.output(0, as: T.self) + (index * maps + map) * size
          for k in 0..<size { y[k] = w[size - 1 - k] }
        }
      }
    }
    return .compute { buffers in buffers.parallel(tiles.count, tile) }
  }
}

/// Sets the gradient of a bias, input 2: the sum over all axes but the channels.
func setBias(_ gradient: String, _ backward: inout Backward) throws(OperatorError) {
  let axes = [0] + Array(2..<max(try backward.rank(0), 2))
  backward.set(2, backward.builder.reduceSum(gradient, axes: axes, keepAxes: false))
}

/// The gradient of a convolution for its image: `gX[n, c, o·stride − pad + k·dilation]` is the sum
/// of `G[n, m, o] · W[m, c, k]`. Inputs are the gradient `G` of the result, `W`, and `X`, of which
/// only the shape is read.
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
    case .float32 where geometry.window.isWhole && geometry.maps > 0:
      return try transposed.wholeKernel()
    case .float32 where !geometry.isEmpty: return try transposed.floatKernel(threads: call.threads)
    case .float32: return transposed.kernel(threads: call.threads, Float.self)
    case .float64: return transposed.kernel(threads: call.threads, Double.self)
    case .float16, .bfloat16: return try call.widened(prepare)
    case let type: throw .input(0, "element type \(type) is not supported")
    }
  }
}

/// The gradients of a convolution for its weights and its bias:
/// `gW[m, c, k] = Σ over n, o of G[n, m, o] · X[n, c, o·stride − pad + k·dilation]` and
/// `gB[m] = Σ over n, o of G[n, m, o]`. Inputs are the gradient `G` of the result, `X`, and `W`, of
/// which only the shape is read.
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
