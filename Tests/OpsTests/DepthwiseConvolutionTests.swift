import Glibc
import ONNX
import ONNXOperators
import Testing

/// Compares depthwise convolutions with plain loops over float64.
@Suite struct DepthwiseConvolutionTests {
  @Test(arguments: 0..<80) func comesNearTheSums(seed: UInt64) throws {
    var random = Random(seed)
    let multiple = Int.random(in: 1...2, using: &random)
    let channels = [1, 3, 17].randomElement(using: &random) ?? 1
    let batch = Int.random(in: 1...2, using: &random)
    var kernel = [[1, 3, 5, 7].randomElement(using: &random) ?? 1]
    kernel.append(Int.random(in: 1...9, using: &random))
    var strides = kernel.map { _ in Int.random(in: 1...2, using: &random) }
    var dilations = kernel.map { _ in Int.random(in: 1...3, using: &random) }
    if seed % 4 == 0 { (strides, dilations) = ([1, 1], [1, 1]) }
    var sizes = kernel.indices.map { axis in
      (kernel[axis] - 1) * dilations[axis] + Int.random(in: 1...45, using: &random)
    }
    var pads = (0..<4).map { kernel[$0 % 2] / 2 + Int.random(in: -1...1, using: &random) }
    pads = pads.map { max($0, 0) }
    if seed % 5 == 0 {
      // Signals along either axis.
      let axis = Int(seed / 5 % 2)
      (kernel[axis], sizes[axis], strides[axis]) = (1, 1, 1)
      (pads[axis], pads[axis + 2]) = (0, 0)
    }
    let x = [batch, channels] + sizes
    let w = [multiple * channels, 1] + kernel
    let function = Function.allCases[Int(seed) % Function.allCases.count]
    let attributes: [Attribute] = [
      .int("group", channels), .ints("strides", strides), .ints("dilations", dilations),
      .ints("pads", pads),
    ]
    var inputs = [
      Tensor(shape: x, noise(x.reduce(1, *))), Tensor(shape: w, noise(w.reduce(1, *), seed: 2)),
      Tensor(shape: [w[0]], noise(w[0], seed: 3)),
    ]
    func node(_ attributes: [Attribute], hasResidual: Bool) -> Node {
      Node(
        "FusedConv", domain: "swift.onnx", inputs: ["x", "w", "b"] + (hasResidual ? ["z"] : []),
        outputs: ["y"], attributes: attributes)
    }
    let sums = try evaluatePrepared(
      node(attributes, hasResidual: false), inputs.map { $0.converted(to: .float64) }, opset: 1)
    var expected = sums.reals
    let hasResidual = seed % 3 == 0
    if hasResidual {
      let residual = Tensor(shape: sums.shape, noise(sums.count, seed: 4))
      inputs.append(residual)
      expected = zip(expected, residual.reals).map(+)
    }
    let fused = node(attributes + function.attributes, hasResidual: hasResidual)
    let y = try evaluatePrepared(fused, inputs, threads: 1, opset: 1)
    #expect(try evaluatePrepared(fused, inputs, threads: 3, opset: 1) == y)
    let error = zip(y.reals, expected).reduce(0) { max($0, abs($1.0 - function.apply($1.1))) }
    #expect(error < 1e-5, "\(x) * \(w), \(strides), \(dilations), \(pads), \(function)")
  }

  @Test func keepsNotANumber() throws {
    let x = Tensor(shape: [1, 2, 3, 3], Array(repeating: Float.nan, count: 18))
    let w = Tensor(shape: [2, 1, 3, 3], Array(repeating: Float(1), count: 18))
    let y = try evaluatePrepared(
      Node(
        "FusedConv", domain: "swift.onnx", inputs: ["x", "w"], outputs: ["y"],
        attributes: [.int("group", 2), .ints("pads", [1, 1, 1, 1])] + Function.relu.attributes),
      [x, w], opset: 1)
    #expect(y.reals.allSatisfy { $0.isNaN })
  }
}

private enum Function: CaseIterable {
  case none, relu, leakyRelu, sigmoid, gelu, geluTanh, hardSigmoid, hardSwish, swish, elu, mish

  var attributes: [Attribute] {
    let (name, parameters): (String, [Float]) =
      switch self {
      case .none: ("", [])
      case .relu: ("Relu", [])
      case .leakyRelu: ("LeakyRelu", [0.25])
      case .sigmoid: ("Sigmoid", [])
      case .gelu: ("Gelu", [])
      case .geluTanh: ("GeluTanh", [])
      case .hardSigmoid: ("HardSigmoid", [0.5, 0.25])
      case .hardSwish: ("HardSwish", [])
      case .swish: ("Swish", [1.5])
      case .elu: ("Elu", [0.5])
      case .mish: ("Mish", [])
      }
    return name.isEmpty
      ? [] : [.string("activation", name), .floats("activation_params", parameters)]
  }

  func apply(_ x: Double) -> Double {
    switch self {
    case .none: x
    case .relu: max(x, 0)
    case .leakyRelu: x < 0 ? 0.25 * x : x
    case .sigmoid: 1 / (1 + exp(-x))
    case .gelu: x / 2 * (1 + erf(x * 0.5.squareRoot()))
    case .geluTanh: x / 2 * (1 + tanh((2 / Double.pi).squareRoot() * (x + 0.044715 * x * x * x)))
    case .hardSigmoid: min(max(0.5 * x + 0.25, 0), 1)
    case .hardSwish: x * min(max(x / 6 + 0.5, 0), 1)
    case .swish: x / (1 + exp(-1.5 * x))
    case .elu: x > 0 ? x : 0.5 * expm1(x)
    case .mish: x * tanh(log1p(exp(x)))
    }
  }
}
