import ONNX
import ONNXOperators
import OperatorLaws
import Testing

/// Gradients of convolutions with respect to image, weights and bias.
@Suite struct ConvolutionGradientTests {
  struct Case: Sendable, CustomTestStringConvertible {
    var x: [Int]
    var w: [Int]
    var attributes: [Attribute] = []
    var testDescription: String { "\(x) by \(w), \(attributes.testDescription)" }
  }

  static let cases = [
    Case(x: [2, 2, 6], w: [3, 2, 3]),
    Case(x: [1, 2, 7], w: [2, 1, 2], attributes: [.int("group", 2), .ints("strides", [2])]),
    Case(x: [2, 2, 4, 5], w: [3, 2, 2, 3], attributes: [.ints("pads", [1, 0, 2, 1])]),
    Case(
      x: [2, 4, 5, 5], w: [4, 2, 3, 3],
      attributes: [.int("group", 2), .ints("strides", [2, 1]), .ints("pads", [1, 1, 1, 1])]),
    Case(x: [1, 1, 6, 6], w: [2, 1, 2, 2], attributes: [.ints("dilations", [2, 3])]),
    Case(x: [1, 2, 5, 4], w: [2, 2, 3, 3], attributes: [.string("auto_pad", "SAME_UPPER")]),
    Case(
      x: [1, 2, 5, 4], w: [2, 2, 2, 2],
      attributes: [.string("auto_pad", "SAME_LOWER"), .ints("strides", [2, 2])]),
    Case(x: [2, 3, 3, 3], w: [2, 3, 1, 1]),
    Case(
      x: [1, 2, 3, 4, 3], w: [2, 2, 2, 2, 2],
      attributes: [.ints("pads", [1, 0, 0, 0, 1, 0]), .ints("strides", [1, 2, 1])]),
  ]

  @Test(arguments: cases) func ofConv(of test: Case) throws {
    let node = Node("Conv", inputs: [], outputs: ["y"], attributes: test.attributes)
    let (x, w) = (doubles(test.x), doubles(test.w, seed: 2))
    try checkGradient(node, [x, w, doubles([test.w[0]], seed: 3)])
    try checkGradient(node, [x, w], opset: 1)
  }

  @Test func ofConvsBiasAlone() throws {
    let node = Node("Conv", inputs: [], outputs: ["y"])
    try checkGradient(
      node, [doubles([2, 1, 3, 3]), doubles([2, 1, 2, 2], seed: 2), doubles([2], seed: 3)], by: [2])
  }

  /// Compares the float32 code with float64, which finite differences verify.
  @Test(arguments: cases + [Case(x: [19, 4, 9, 9], w: [6, 4, 3, 3])])
  func isTheSameInFloat32(of test: Case) throws {
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
      let wanted = try checkOperator(node, inputs, opset: 20)
      let singles = inputs.map { tensor in
        Tensor(shape: tensor.shape, tensor.elements(as: Double.self).map(Float.init))
      }
      let found = try checkOperator(node, singles, opset: 20)
      for (a, b) in zip(found, wanted) { #expect(try #require(a).isNear(to: b, 1e-4)) }
    }
  }

  @Test func refusesAGradientOfAnotherShape() throws {
    for (name, types) in [
      ("ConvInputGrad", [[1, 1, 3, 3], [1, 1, 2, 2], [1, 1, 3, 3]]),
      ("ConvWeightGrad", [[1, 1, 3, 3], [1, 1, 3, 3], [1, 1, 2, 2]]),
    ] {
      let node = Node(name, domain: "swift.onnx", inputs: ["a", "b", "c"], outputs: ["y"])
      let made = try Registry.standard.make(node, operatorSet: 1).operator
      #expect(throws: OperatorError.input(0, "expected shape [1,1,2,2], got [1,1,3,3]")) {
        try made.infer(Inputs(types: types.map { .tensor(.float32, $0) }))
      }
    }
  }

  static let transposedCases = [
    Case(x: [2, 2, 5], w: [2, 3, 3], attributes: [.ints("strides", [2])]),
    Case(
      x: [1, 4, 3, 3], w: [4, 1, 3, 2],
      attributes: [
        .int("group", 2), .ints("strides", [2, 2]), .ints("pads", [1, 0, 1, 1]),
        .ints("output_padding", [1, 0]),
      ]),
    Case(x: [1, 1, 4, 4], w: [1, 2, 2, 2], attributes: [.ints("dilations", [2, 1])]),
    Case(
      x: [1, 2, 3, 3], w: [2, 2, 3, 3],
      attributes: [.ints("strides", [2, 2]), .ints("output_shape", [6, 6])]),
    Case(
      x: [1, 2, 3, 3], w: [2, 2, 3, 3],
      attributes: [.ints("strides", [2, 2]), .string("auto_pad", "SAME_LOWER")]),
    Case(x: [1, 2, 2, 2, 2], w: [2, 1, 2, 2, 2]),
  ]

  @Test(arguments: transposedCases) func ofConvTranspose(of test: Case) throws {
    let node = Node("ConvTranspose", inputs: [], outputs: ["y"], attributes: test.attributes)
    let groups = test.attributes.contains { $0.name == "group" } ? 2 : 1
    let (x, w) = (doubles(test.x), doubles(test.w, seed: 2))
    try checkGradient(node, [x, w, doubles([test.w[1] * groups], seed: 3)])

    let made = try Registry.standard.make(
      Node("ConvTranspose", inputs: ["x", "w"], outputs: ["y"], attributes: test.attributes),
      operatorSet: 20
    ).operator
    let y = try #require(
      try made.infer(Inputs(types: [.tensor(x.type), .tensor(w.type)]))[0].tensorType?.shape?.sizes)
    let inputs = [doubles(y, seed: 4), w, x]
    let singles = inputs.map { tensor in
      Tensor(shape: tensor.shape, tensor.elements(as: Double.self).map(Float.init))
    }
    for name in ["ConvTransposeInputGrad", "ConvTransposeWeightGrad"] {
      let gradient = Node(
        name, domain: "swift.onnx", inputs: ["g", "w", "x"], outputs: ["y"],
        attributes: test.attributes)
      let wanted = try checkOperator(gradient, inputs, opset: 20)
      let found = try checkOperator(gradient, singles, opset: 20)
      #expect(try #require(found[0]).isNear(to: wanted[0], 1e-4))
    }
  }
}
