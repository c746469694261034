import ONNX
import OperatorLaws
import Testing

/// Values from the standard's node cases, the agreement of fast and plain algorithms, and invalid
/// inputs.
@Suite struct NetworkConvolutionTests {
  func node(_ type: String, inputs: Int = 2, _ attributes: Attribute...) -> Node {
    Node(
      type, inputs: (0..<inputs).map { "i\($0)" }, outputs: ["y"], attributes: attributes)
  }
  let ones = float32([1, 1, 3, 3], Array(repeating: 1, count: 9))

  @Test func padsWithZeros() throws {
    let y = try checkOperator(
      node("Conv", .ints("kernel_shape", [3, 3]), .ints("pads", [1, 1, 1, 1])),
      [float32([1, 1, 5, 5], ramp(25)), ones])
    let expected: [Float] = [
      12, 21, 27, 33, 24, 33, 54, 63, 72, 51, 63, 99, 108, 117, 81, 93, 144, 153, 162, 111, 72, 111,
      117, 123, 84,
    ]
    #expect(y == [float32([1, 1, 5, 5], expected)])
  }

  @Test func padsUnevenlyAndStrides() throws {
    let y = try checkOperator(
      node("Conv", .ints("pads", [1, 0, 1, 0]), .ints("strides", [2, 2])),
      [float32([1, 1, 7, 5], ramp(35)), ones])
    #expect(y == [float32([1, 1, 4, 2], [21, 33, 99, 117, 189, 207, 171, 183])])
  }

  @Test func padsToTheSameSize() throws {
    let y = try checkOperator(
      node("Conv", .string("auto_pad", "SAME_LOWER"), .ints("strides", [2, 2])),
      [float32([1, 1, 5, 5], ramp(25)), ones], opset: 1)
    #expect(y == [float32([1, 1, 3, 3], [12, 27, 24, 63, 108, 81, 72, 117, 84])])
  }

  /// Shapes for every float32 algorithm: one channel at a time, 1×1, blocks of columns, all columns
  /// at once.
  static let shapes: [(x: [Int], w: [Int], attributes: [Attribute])] = [
    ([2, 3, 11], [4, 3, 3], [.ints("strides", [2]), .ints("pads", [2, 1])]),
    ([2, 4, 9, 70], [4, 1, 3, 3], [.int("group", 4), .ints("pads", [1, 1, 1, 1])]),
    ([1, 3, 9, 21], [6, 1, 3, 2], [.int("group", 3), .ints("strides", [2, 2])]),
    ([1, 2, 9, 9], [4, 1, 3, 5], [.int("group", 2), .ints("strides", [1, 3])]),
    ([1, 1, 12, 19], [3, 1, 5, 5], [.ints("dilations", [2, 3])]),
    ([2, 6, 5, 7], [8, 3, 1, 1], [.int("group", 2)]),
    ([2, 20, 30, 40], [4, 20, 3, 3], [.ints("pads", [1, 2, 0, 1])]),
    ([1, 40, 5, 5], [70, 40, 3, 3], [.string("auto_pad", "SAME_UPPER")]),
    (
      [5, 3, 4, 5, 6], [4, 3, 2, 3, 2],
      [.ints("dilations", [1, 2, 1]), .ints("strides", [2, 1, 3])]
    ),
    ([9, 2, 6, 6], [3, 2, 3, 3], [.ints("pads", [1, 1, 1, 1])]),
    ([1, 2, 9, 30], [7, 2, 3, 3], [.ints("dilations", [1, 8]), .ints("pads", [0, 8, 0, 8])]),
    ([2, 3, 4, 4], [5, 3, 4, 4], []),
    ([1, 2, 5, 6, 7], [2, 1, 3, 3, 3], [.int("group", 2), .ints("pads", [1, 0, 2, 0, 1, 1])]),
  ]

  @Test(arguments: shapes.indices) func agreesInAllTypes(index: Int) throws {
    let (x, w, attributes) = Self.shapes[index]
    let node = Node("Conv", inputs: ["x", "w", "b"], outputs: ["y"], attributes: attributes)
    let inputs = [
      Tensor(shape: x, noise(x.reduce(1, *))), Tensor(shape: w, noise(w.reduce(1, *), seed: 2)),
      Tensor(shape: [w[0]], noise(w[0], seed: 3)),
    ]
    let exact = try #require(
      try checkOperator(node, inputs.map { $0.converted(to: .float64) })[0])
    let fast = try #require(try checkOperator(node, inputs)[0])
    // Winograd's algorithm differs by up to 2e-5 of the largest result.
    let tolerance = 2e-5 * max(1, exact.reals.map { abs($0) }.max() ?? 0)
    #expect(fast.isNear(to: exact, tolerance))
    // Products with constant weights may be summed in another order.
    #expect(try evaluateUnknown(node, inputs).isNear(to: fast, tolerance))
    guard index < 4 else { return }
    for (type, tolerance) in [(ElementType.float16, 4e-3), (.bfloat16, 3e-2)] {
      let y = try checkOperator(node, inputs.map { $0.converted(to: type) })[0]
      #expect(try #require(y).isNear(to: exact, tolerance))
    }
  }

  @Test(arguments: shapes.indices) func fusesWhatFollows(index: Int) throws {
    let (x, w, attributes) = Self.shapes[index]
    let inputs = [
      Tensor(shape: x, noise(x.reduce(1, *))), Tensor(shape: w, noise(w.reduce(1, *), seed: 2)),
      Tensor(shape: [w[0]], noise(w[0], seed: 3)),
    ]
    let plain = Node("Conv", inputs: ["x", "w", "b"], outputs: ["y"], attributes: attributes)
    let y = try #require(try checkOperator(plain, inputs)[0])
    let residual = Tensor(shape: y.shape, noise(y.count, seed: 4))
    func fused(_ activation: Attribute...) -> Node {
      Node(
        "FusedConv", domain: "swift.onnx", inputs: ["x", "w", "b", "z"], outputs: ["y"],
        attributes: attributes + activation)
    }
    let functions: [([Attribute], (Float) -> Float)] = [
      ([], { $0 }),
      ([.string("activation", "Relu")], { max($0, 0) }),
      (
        [.string("activation", "Clip"), .floats("activation_params", [-0.5, 0.25])],
        { min(max($0, -0.5), 0.25) }
      ),
      (
        [.string("activation", "LeakyRelu"), .floats("activation_params", [0.1])],
        { $0 < 0 ? 0.1 * $0 : $0 }
      ),
    ]
    for (activation, function) in functions {
      var node = fused()
      node.attributes += activation
      let result = try #require(try checkOperator(node, inputs + [residual], opset: 1)[0])
      let expected = zip(
        y.elements(as: Float.self), residual.elements(as: Float.self)
      ).map { function($0 + $1) }
      #expect(result.isNear(to: Tensor(shape: y.shape, expected)))
    }
  }

  @Test func rejectsImpossibleGeometry() {
    let x = float32([1, 4, 6, 6], noise(144))
    let w = float32([2, 2, 3, 3], noise(36))
    let bad: [(Node, [Tensor])] = [
      (node("Conv"), [x, w]),
      (node("Conv", .int("group", 0)), [x, w]),
      (node("Conv", .int("group", 3)), [x, w]),
      (node("Conv", .int("group", 2), .ints("strides", [0, 1])), [x, w]),
      (node("Conv", .int("group", 2), .ints("strides", [1])), [x, w]),
      (node("Conv", .int("group", 2), .ints("dilations", [-1, 1])), [x, w]),
      (node("Conv", .int("group", 2), .ints("dilations", [4, 4])), [x, w]),
      (node("Conv", .int("group", 2), .ints("dilations", [Int.max, 1])), [x, w]),
      (node("Conv", .int("group", 2), .ints("pads", [1, 1])), [x, w]),
      (node("Conv", .int("group", 2), .ints("pads", [-1, 0, 0, 0])), [x, w]),
      (node("Conv", .int("group", 2), .ints("pads", [Int.max, 0, Int.max, 0])), [x, w]),
      (node("Conv", .int("group", 2), .ints("kernel_shape", [3, 2])), [x, w]),
      (node("Conv", .int("group", 2), .string("auto_pad", "SAME")), [x, w]),
      (node("Conv"), [float32([4, 6], noise(24)), float32([2, 4], noise(8))]),
      (node("Conv"), [x, float32([2, 4, 3], noise(24))]),
      (node("Conv"), [x, float32([2, 4, 3, 0], [])]),
      (node("Conv"), [x, float32([2, 4, 3, 3], noise(72)).converted(to: .float64)]),
      (node("Conv", inputs: 3), [x, float32([2, 4, 3, 3], noise(72)), float32([3], noise(3))]),
    ]
    for (node, inputs) in bad {
      #expect(throws: OperatorError.self) { try checkOperator(node, inputs) }
    }
  }

  @Test func takesEmptyBatchesAndSizesBeyondTheInput() throws {
    let none = try checkOperator(node("Conv"), [float32([0, 1, 4, 4], []), ones])
    #expect(none == [float32([0, 1, 2, 2], [])])
    // One window and the largest stride.
    let y = try checkOperator(
      node("Conv", .ints("strides", [Int.max, Int.max])), [float32([1, 1, 4, 4], ramp(16)), ones])
    #expect(y == [float32([1, 1, 1, 1], [45])])
  }

  @Test func refusesResultsThatOverflow() {
    let node = node("Conv", .ints("pads", [1 << 40, 1 << 40, 1 << 40, 1 << 40]))
    #expect(throws: OperatorError.self) {
      try checkOperator(node, [float32([1, 1, 3, 3], ramp(9)), ones])
    }
  }

  @Test func transposes() throws {
    let x = float32([1, 1, 3, 3], ramp(9))
    let y = try checkOperator(
      node("ConvTranspose", .ints("pads", [1, 2, 1, 2]), .ints("strides", [3, 2])),
      [x, float32([1, 2, 3, 3], Array(repeating: 1, count: 18))])
    let map: [Float] = [
      1, 1, 3, 1, 1, 3, 7, 4, 9, 7, 4, 9, 7, 4, 9, 13, 7, 15, 13, 7, 15,
    ]
    #expect(y == [float32([1, 2, 7, 3], map + map)])
  }

  @Test func transposesWithDilation() throws {
    let y = try checkOperator(
      node("ConvTranspose", .ints("dilations", [2, 2])),
      [float32([1, 1, 3, 3], [3, 8, 1, 9, 5, 7, 3, 2, 6]), float32([1, 1, 2, 2], [7, 2, 1, 9])])
    let expected: [Float] = [
      21, 56, 13, 16, 2, 63, 35, 67, 10, 14, 24, 22, 76, 76, 21, 9, 5, 88, 45, 63, 3, 2, 33, 18, 54,
    ]
    #expect(y == [float32([1, 1, 5, 5], expected)])
  }

  @Test func transposesToTheShapeAskedFor() throws {
    let x = float32([1, 1, 3, 3], ramp(9))
    let w = float32([1, 1, 3, 3], Array(repeating: 1, count: 9))
    let shaped = try checkOperator(
      node("ConvTranspose", .ints("output_shape", [10, 8]), .ints("strides", [3, 2])), [x, w])
    let padded = try checkOperator(
      node("ConvTranspose", .ints("output_padding", [1, 1]), .ints("strides", [3, 2])), [x, w])
    #expect(shaped == padded)
    #expect(shaped[0]?.shape == [1, 1, 10, 8])
    let same = try checkOperator(
      node("ConvTranspose", .string("auto_pad", "SAME_UPPER"), .ints("strides", [2, 2])), [x, w])
    #expect(same[0]?.shape == [1, 1, 6, 6])
  }

  /// `⟨conv(x), y⟩ = ⟨x, convTranspose(y)⟩`.
  @Test(arguments: [ElementType.float32, .float64]) func isTheAdjoint(type: ElementType) throws {
    let x = float32([2, 4, 9, 8], noise(576)).converted(to: type)
    let w = float32([6, 2, 3, 2], noise(72, seed: 2)).converted(to: type)
    let attributes: [Attribute] = [
      .int("group", 2), .ints("strides", [2, 3]), .ints("pads", [1, 0, 1, 0]),
    ]
    let forward = Node("Conv", inputs: ["x", "w"], outputs: ["y"], attributes: attributes)
    let y = try #require(try checkOperator(forward, [x, w])[0])
    let z = Tensor(shape: y.shape, noise(y.count, seed: 3)).converted(to: type)
    let backward = Node(
      "ConvTranspose", inputs: ["z", "w"], outputs: ["x"],
      attributes: attributes + [.ints("output_shape", [9, 8])])
    // The pads that `output_shape` implies do not always equal those of the convolution.
    let explicit = Node(
      "ConvTranspose", inputs: ["z", "w"], outputs: ["x"],
      attributes: attributes + [.ints("output_padding", [0, 0])])
    let back = try #require(try checkOperator(explicit, [z, w])[0])
    #expect(back.shape == [2, 4, 9, 8])
    #expect(try checkOperator(backward, [z, w])[0] == back)
    let left = zip(y.reals, z.reals).reduce(0) { $0 + $1.0 * $1.1 }
    let right = zip(x.reals, back.reals).reduce(0) { $0 + $1.0 * $1.1 }
    #expect(abs(left - right) < 1e-4)
  }

  @Test func rejectsImpossibleTransposedGeometry() {
    let x = float32([1, 2, 3, 3], noise(18))
    let w = float32([2, 1, 3, 3], noise(18))
    let bad: [(Node, [Tensor])] = [
      (node("ConvTranspose", .ints("pads", [3, 0, 3, 0])), [x, w]),
      (node("ConvTranspose", .ints("pads", [Int.max, 0, Int.max, 0])), [x, w]),
      (node("ConvTranspose", .ints("strides", [Int.max, 1])), [x, w]),
      (node("ConvTranspose", .ints("output_padding", [-1, 0])), [x, w]),
      (node("ConvTranspose", .ints("output_padding", [1])), [x, w]),
      (node("ConvTranspose", .ints("output_shape", [9])), [x, w]),
      (node("ConvTranspose", .int("group", Int.max)), [x, w]),
      (node("ConvTranspose"), [float32([1, 3, 3, 3], noise(27)), w]),
      (node("ConvTranspose"), [float32([1, 2, 0, 3], []), w]),
    ]
    for (node, inputs) in bad {
      #expect(throws: OperatorError.self) { try checkOperator(node, inputs) }
    }
  }

  @Test func convolvesIntegersAtTheirZeroPoint() throws {
    let y = try checkOperator(
      Node(
        "ConvInteger", inputs: ["x", "w", "zx", "zw"], outputs: ["y"],
        attributes: [.ints("pads", [1, 1, 1, 1])]),
      [
        Tensor(shape: [1, 1, 3, 3], [2, 3, 4, 5, 6, 7, 8, 9, 10] as [UInt8]),
        Tensor(shape: [2, 1, 2, 2], Array(repeating: 1, count: 8) as [UInt8]), Tensor(1 as UInt8),
        Tensor(shape: [2], [0, 1] as [UInt8]),
      ])
    let first: [Int32] = [1, 3, 5, 3, 5, 12, 16, 9, 11, 24, 28, 15, 7, 15, 17, 9]
    #expect(y == [Tensor(shape: [1, 2, 4, 4], first + Array(repeating: 0, count: 16))])
  }

  @Test func rejectsZeroPointsOfAnotherSize() {
    let x = Tensor(shape: [1, 1, 3, 3], Array(repeating: 1, count: 9) as [UInt8])
    let w = Tensor(shape: [2, 1, 2, 2], Array(repeating: 1, count: 8) as [UInt8])
    #expect(throws: OperatorError.self) {
      try checkOperator(
        Node("ConvInteger", inputs: ["x", "w", "", "zw"], outputs: ["y"]),
        [x, w, nil, Tensor(shape: [3], [0, 0, 0] as [UInt8])])
    }
    #expect(throws: OperatorError.self) {
      try checkOperator(
        Node("ConvInteger", inputs: ["x", "w", "zx"], outputs: ["y"]), [x, w, Tensor(1 as Int8)])
    }
  }
}
