import ONNX
import ONNXOperators
import OperatorLaws
import Testing

/// Compares the float32 gradients of convolutions and pools with those in float64.
@Suite struct ConvolutionTrainingTests {
  struct Case: Sendable, CustomTestStringConvertible {
    var x: [Int]
    var w: [Int]
    var attributes: [Attribute] = []
    var testDescription: String { "\(x) by \(w), \(attributes.testDescription)" }
  }

  static let cases = [
    // Rows of whole vectors, several images per step, parts and blocks of channels.
    Case(x: [19, 3, 8, 16], w: [35, 3, 3, 3], attributes: [.ints("pads", [1, 1, 1, 1])]),
    Case(x: [3, 2, 9, 8], w: [5, 2, 3, 3], attributes: [.ints("pads", [1, 1, 1, 1])]),
    // Rows with gaps.
    Case(x: [9, 5, 14, 13], w: [7, 5, 5, 5]),
    Case(x: [2, 3, 12, 11], w: [4, 3, 3, 2], attributes: [.ints("dilations", [2, 3])]),
    Case(
      x: [2, 3, 15, 17], w: [6, 3, 3, 3],
      attributes: [.ints("pads", [1, 1, 1, 1]), .ints("strides", [2, 2])]),
    // One dimension.
    Case(x: [4, 6, 50], w: [9, 6, 4]),
    // A run longer than a step.
    Case(x: [1, 1, 70, 64], w: [2, 1, 3, 3], attributes: [.ints("pads", [1, 1, 1, 1])]),
    Case(x: [1, 1, 60, 70], w: [2, 1, 3, 3], attributes: [.ints("pads", [1, 1, 1, 1])]),
    // Groups.
    Case(
      x: [5, 9, 10, 10], w: [9, 1, 3, 3],
      attributes: [.int("group", 9), .ints("pads", [1, 1, 1, 1])]),
    Case(x: [2, 4, 9, 9], w: [6, 2, 3, 3], attributes: [.int("group", 2)]),
    // One window over the whole image.
    Case(x: [5, 4, 3, 5], w: [6, 2, 3, 5], attributes: [.int("group", 2)]),
  ]

  @Test(arguments: cases) func gradientsOfConvAreTheSameInFloat32(of test: Case) throws {
    let (x, w) = (doubles(test.x), doubles(test.w, seed: 2))
    let made = try Registry.standard.make(
      Node("Conv", inputs: ["x", "w"], outputs: ["y"], attributes: test.attributes),
      operatorSet: 20
    ).operator
    let y = try #require(
      try made.infer(Inputs(types: [.tensor(x.type), .tensor(w.type)]))[0].tensorType?.shape?.sizes)
    let g = doubles(y, seed: 4)
    for (name, inputs) in [("ConvInputGrad", [g, w, x]), ("ConvWeightGrad", [g, x, w])] {
      let node = Node(
        name, domain: "swift.onnx", inputs: ["a", "b", "c"],
        outputs: name == "ConvWeightGrad" ? ["y", "z"] : ["y"], attributes: test.attributes)
      try checkSingles(node, inputs, 1e-4)
    }
  }

  @Test func flippedWeights() throws {
    let node = Node(
      "ConvWeightFlip", domain: "swift.onnx", inputs: ["w"], outputs: ["y"],
      attributes: [.int("group", 2)])
    let result = try checkOperator(node, [float32([4, 1, 3], ramp(12))], opset: 20)
    #expect(
      result[0] == float32([2, 2, 3], [2, 1, 0, 5, 4, 3, 8, 7, 6, 11, 10, 9].map { Float($0) }))
  }

  /// A flip that is not divisible into its groups is rejected.
  @Test func flippedWeightsOfUnevenGroups() throws {
    let node = Node(
      "ConvWeightFlip", domain: "swift.onnx", inputs: ["w"], outputs: ["y"],
      attributes: [.int("group", 2)])
    let made = try Registry.standard.make(node, operatorSet: 20).operator
    #expect(throws: OperatorError.self) {
      try made.infer(Inputs(types: [.tensor(.float32, [3, 1, 2])]))
    }
  }

  /// The gradient with respect to the image is a convolution if there are no strides.
  @Test(
    arguments: [
      Case(x: [2, 2, 6, 5], w: [3, 2, 3, 2], attributes: [.ints("pads", [2, 0, 1, 1])]),
      Case(x: [1, 4, 7, 6], w: [4, 2, 3, 2], attributes: [.int("group", 2)]),
      Case(x: [1, 2, 9, 8], w: [2, 2, 3, 2], attributes: [.ints("dilations", [2, 3])]),
      Case(x: [1, 2, 5, 6], w: [2, 2, 4, 3], attributes: [.string("auto_pad", "SAME_LOWER")]),
      Case(x: [1, 2, 5, 6], w: [2, 2, 4, 3], attributes: [.string("auto_pad", "SAME_UPPER")]),
      Case(x: [1, 2, 5, 6], w: [2, 2, 2, 3], attributes: [.string("auto_pad", "VALID")]),
      Case(x: [1, 1, 3, 3], w: [1, 1, 2, 2], attributes: [.ints("pads", [3, 3, 3, 3])]),
      Case(x: [2, 2, 3, 4], w: [3, 2, 3, 4]),
    ]) func ofConvWithoutStrides(of test: Case) throws
  {
    let node = Node("Conv", inputs: [], outputs: ["y"], attributes: test.attributes)
    try checkGradient(node, [doubles(test.x), doubles(test.w, seed: 2)])
  }

  @Test(arguments: [[2, 3, 8, 6], [1, 2, 7, 9], [3, 1, 2, 35]])
  func gradientsOfHalvingPoolsAreTheSameInFloat32(shape: [Int]) throws {
    let window: [Attribute] = [.ints("kernel_shape", [2, 2]), .ints("strides", [2, 2])]
    let x = doubles(shape)
    let pool = Node("MaxPool", inputs: ["x"], outputs: ["y", "places"], attributes: window)
    let pooled = try checkOperator(pool, [x], opset: 20)
    let places = try #require(pooled[1])
    let g = doubles(places.shape, seed: 4)
    let general = Node(
      "MaxPoolGrad", domain: "swift.onnx", inputs: ["g", "i", "x"], outputs: ["y"])
    var halving = general
    halving.attributes = [.int("halving", 1)]
    let wanted = try checkOperator(general, [g, places, x], opset: 1)
    let found = try checkOperator(halving, [single(g), places, single(x)], opset: 1)
    #expect(try #require(found[0]).isNear(to: wanted[0]))

    let mean = Node(
      "AveragePoolGrad", domain: "swift.onnx", inputs: ["g", "x"], outputs: ["y"],
      attributes: window)
    try checkSingles(mean, [g, x], 1e-6)
  }

  private func single(_ tensor: Tensor) -> Tensor {
    Tensor(shape: tensor.shape, tensor.elements(as: Double.self).map(Float.init))
  }

  private func checkSingles(_ node: Node, _ inputs: [Tensor], _ tolerance: Double) throws {
    let wanted = try checkOperator(node, inputs, opset: 20)
    let found = try checkOperator(node, inputs.map(single), opset: 20)
    for (a, b) in zip(found, wanted) { #expect(try #require(a).isNear(to: b, tolerance)) }
  }
}
