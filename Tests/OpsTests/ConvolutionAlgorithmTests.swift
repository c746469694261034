import Glibc
import ONNX
import ONNXOperators
import Testing

/// Compares every algorithm with sums in float64, on random shapes with a fixed seed.
@Suite struct ConvolutionAlgorithmTests {
  /// The largest error relative to the largest result: twice the error measured on AVX2.
  static let algorithms: [(algorithm: ConvolutionAlgorithm, bound: Double)] = [
    (.exact, 5e-7), (.winograd(size: 2), 5e-7), (.winograd(size: 4), 8e-6),
    (.winograd(size: 6), 1.5e-5), (.automatic, 1.5e-5),
  ]

  @Test(arguments: 0..<48) func comesNearTheSumsOnAnyNumberOfThreads(seed: UInt64) throws {
    var random = Random(seed)
    let shape = DrawnConvolution(isTransformable: seed % 2 == 0, &random)
    let function = Function.allCases[Int(seed / 2) % Function.allCases.count]
    let constants: Set<Int> = Bool.random(using: &random) ? [1] : []
    let expected = try evaluatePrepared(
      shape.node(.none), shape.inputs.map { $0?.converted(to: .float64) }, opset: 1
    ).reals
    let largest = expected.reduce(0) { max($0, abs($1)) }
    let node = shape.node(function)
    var exact: Tensor?
    for (algorithm, bound) in Self.algorithms {
      func run(_ threads: Int) throws -> Tensor {
        try evaluatePrepared(
          node, shape.inputs, constants: constants, threads: threads, convolution: algorithm,
          opset: 1)
      }
      let y = try run(1)
      #expect(try run(2) == y, "\(algorithm), \(shape)")
      #expect(try run(3) == y, "\(algorithm), \(shape)")
      exact = exact ?? y
      // Convolutions that Winograd's algorithm does not cover are computed as usual.
      if !shape.isTransformable { #expect(y == exact, "\(algorithm), \(shape)") }
      let error = zip(y.reals, expected).reduce(0) {
        // A NaN counts as a difference.
        max($0, abs($1.0 - function.apply($1.1)).replacingNaN)
      }
      #expect(error <= bound * largest, "\(algorithm), \(shape): \(error / largest)")
    }
  }
}

extension ConvolutionAlgorithmTests {
  @Test(arguments: [1, 5, 40], [1, 3]) func withoutChannelsOnlyTheBiasIsLeft(
    maps: Int, kernel: Int
  ) throws {
    let node = Node("Conv", inputs: ["x", "w", "b"], outputs: ["y"], attributes: [])
    let bias = Tensor(shape: [maps], noise(maps))
    for (algorithm, _) in Self.algorithms {
      for size in [4, 9] {
        let y = try evaluatePrepared(
          node,
          [float32([2, 0, size, size], []), float32([maps, 0, kernel, kernel], []), bias],
          convolution: algorithm)
        let places = (size - kernel + 1) * (size - kernel + 1)
        let plane = bias.reals.flatMap { Array(repeating: $0, count: places) }
        #expect(y.reals == plane + plane)
      }
    }
  }

  @Test func anImageWithoutRowsHasOnlyPadding() throws {
    let node = Node(
      "Conv", inputs: ["x", "w", "b"], outputs: ["y"], attributes: [.ints("pads", [4, 2, 3, 1])])
    for maps in [3, 40] {
      let bias = Tensor(shape: [maps], noise(maps))
      let w = float32([maps, 3, 3, 3], noise(maps * 27))
      for (algorithm, _) in Self.algorithms {
        let y = try evaluatePrepared(
          node, [float32([1, 3, 0, 6], []), w, bias], convolution: algorithm)
        #expect(y.shape == [1, maps, 5, 7])
        #expect(y.reals == bias.reals.flatMap { Array(repeating: $0, count: 35) })
      }
    }
  }

  @Test func aSizeThatIsNoneIsComputedExactly() throws {
    let node = Node(
      "Conv", inputs: ["x", "w"], outputs: ["y"], attributes: [.ints("pads", [1, 1, 1, 1])])
    let inputs = [
      float32([1, 4, 12, 12], noise(576)), float32([20, 4, 3, 3], noise(720, seed: 2)),
    ]
    let exact = try evaluatePrepared(node, inputs, convolution: .exact)
    for size in [Int.min, -2, 0, 1, 3, 5, 8, Int.max] {
      #expect(try evaluatePrepared(node, inputs, convolution: .winograd(size: size)) == exact)
    }
  }

  @Test func sizesBeyondAllMemoryNeitherTrapNorTakeIt() throws {
    let types: [(x: [Int], w: [Int], pads: [Int])] = [
      ([1, 1, 1, 1], [1, 1, 3, 3], Array(repeating: 1 << 30, count: 4)),
      ([1, 1, 1, 1], [40, 1, 3, 3], Array(repeating: 1 << 28, count: 4)),
      ([1 << 20, 1, 1, 1], [1 << 20, 1, 3, 3], Array(repeating: 1 << 8, count: 4)),
      ([1, 1, 1 << 31, 1 << 31], [1, 1, 3, 3], [1, 1, 1, 1]),
      ([1, 64, 1 << 28, 1 << 28], [64, 64, 3, 3], [1, 1, 1, 1]),
      ([1, 1, 1 << 31, 1 << 30], [64, 1, 5, 5], [2, 2, 2, 2]),
    ]
    for (x, w, pads) in types {
      let node = Node(
        "Conv", inputs: ["x", "w"], outputs: ["y"], attributes: [.ints("pads", pads)])
      let made = try Registry.standard.make(node, operatorSet: 22).operator
      let inputs = Inputs(types: [.tensor(.float32, x), .tensor(.float32, w)])
      for (algorithm, _) in Self.algorithms {
        guard let types = try? made.infer(inputs) else { continue }
        let kernel = try? made.prepare(
          Preparation(
            inputs: inputs, outputs: types.map(\.tensorType), threads: 3, convolution: algorithm))
        // A run compares any requested size with the available memory.
        if case .compute(let scratch, _)? = kernel { #expect(scratch >= 0) }
      }
    }
  }
}

private enum Function: CaseIterable {
  case none, relu, clip, leakyRelu, sigmoid, tanh

  var attributes: [Attribute] {
    switch self {
    case .none: []
    case .relu: [.string("activation", "Relu")]
    case .clip: [.string("activation", "Clip"), .floats("activation_params", [-0.5, 0.75])]
    case .leakyRelu: [.string("activation", "LeakyRelu"), .floats("activation_params", [0.1])]
    case .sigmoid: [.string("activation", "Sigmoid")]
    case .tanh: [.string("activation", "Tanh")]
    }
  }

  func apply(_ x: Double) -> Double {
    switch self {
    case .none: x
    case .relu: max(x, 0)
    case .clip: min(max(x, -0.5), 0.75)
    case .leakyRelu: x < 0 ? Double(0.1 as Float) * x : x
    case .sigmoid: 1 / (1 + exp(-x))
    case .tanh: Glibc.tanh(x)
    }
  }
}

/// A convolution of random sizes with inputs for it.
private struct DrawnConvolution: CustomStringConvertible {
  let isTransformable: Bool
  private let x: [Int]
  private let w: [Int]
  private let attributes: [Attribute]
  /// `nil` if omitted.
  let inputs: [Tensor?]
  private let names: [String]
  let description: String

  init(isTransformable: Bool, _ random: inout Random) {
    self.isTransformable = isTransformable
    // Draws sizes until the float64 sums are fast enough.
    while true {
      let rank = isTransformable ? 2 : [1, 2, 2, 3].randomElement(using: &random) ?? 2
      let groups = [1, 1, 1, 2, 3].randomElement(using: &random) ?? 1
      let most = [1, 4, 20, 70].randomElement(using: &random) ?? 1
      let channels = Int.random(in: 1...most, using: &random)
      let maps = Int.random(in: 1...70, using: &random)
      let batch = [1, 1, 2, 9].randomElement(using: &random) ?? 1
      let kernel =
        isTransformable ? [3, 3] : (0..<rank).map { _ in Int.random(in: 1...5, using: &random) }
      let strides = kernel.map { _ in isTransformable ? 1 : Int.random(in: 1...3, using: &random) }
      let dilations = kernel.map { _ in
        isTransformable ? 1 : Int.random(in: 1...2, using: &random)
      }
      let pads = (0..<2 * rank).map { _ in Int.random(in: 0...3, using: &random) }
      let sizes = kernel.map { _ in Int.random(in: 1...40, using: &random) }
      let outputs = kernel.indices.map { axis in
        let room = sizes[axis] + pads[axis] + pads[axis + rank]
        let extent = (kernel[axis] - 1) * dilations[axis] + 1
        return room < extent ? 0 : (room - extent) / strides[axis] + 1
      }
      let places = batch * groups * maps * outputs.reduce(1, *)
      let products = places * channels * kernel.reduce(1, *)
      // Smaller outputs are never transformed.
      guard outputs.reduce(1, *) >= 8, products <= 400_000 else { continue }

      x = [batch, groups * channels] + sizes
      w = [groups * maps, channels] + kernel
      attributes = [
        .int("group", groups), .ints("strides", strides), .ints("dilations", dilations),
        .ints("pads", pads),
      ]
      var inputs: [Tensor?] = [
        Tensor(shape: x, noise(x.reduce(1, *))),
        Tensor(shape: w, noise(w.reduce(1, *), seed: 2)),
      ]
      let hasBias = Bool.random(using: &random)
      let hasResidual = Bool.random(using: &random)
      if hasBias { inputs.append(Tensor(shape: [w[0]], noise(w[0], seed: 3))) }
      if hasResidual {
        if !hasBias { inputs.append(nil) }
        inputs.append(Tensor(shape: [batch, w[0]] + outputs, noise(places, seed: 4)))
      }
      self.inputs = inputs
      names = ["x", "w"] + (hasBias ? ["b"] : hasResidual ? [""] : []) + (hasResidual ? ["z"] : [])
      description =
        "\(x) * \(w), strides \(strides), dilations \(dilations), pads \(pads), \(names)"
      return
    }
  }

  func node(_ function: Function) -> Node {
    Node(
      "FusedConv", domain: "swift.onnx", inputs: names, outputs: ["y"],
      attributes: attributes + function.attributes)
  }
}

extension Double {
  fileprivate var replacingNaN: Double { isNaN ? .infinity : self }
}
