import ONNX
import Testing

/// Fusion changes no result.
@Suite struct FusionTests {
  private let channels = 3
  private let x = floats([2, 3, 4, 4], (0..<96).map { Float(($0 * 37) % 19) - 9 })

  private func constant(_ name: String, _ shape: [Int], _ values: [Float]) -> NamedTensor {
    NamedTensor(name, floats(shape, values))
  }

  private var initializers: [NamedTensor] {
    [
      constant("scale", [3], [0.5, 2, -1]), constant("bias", [3], [1, -2, 0.25]),
      constant("mean", [3], [0.5, -1, 2]), constant("variance", [3], [1, 4, 0.25]),
      constant("factor", [3, 1, 1], [2, -0.5, 1.5]), constant("shift", [1, 3, 1, 1], [1, 3, -4]),
      constant("two", [], [2]), constant("row", [4], [1, 2, 3, 4]),
      constant("w", [3, 3, 1, 1], [1, 0, 2, -1, 1, 0, 3, 1, -2]), constant("b", [3], [3, -1, 2]),
    ]
  }

  private func node(_ type: String, _ inputs: [String], _ output: String) -> Node {
    Node(type, inputs: inputs, outputs: [output])
  }

  private func normalization(_ input: String, _ output: String) -> Node {
    node("BatchNormalization", [input, "scale", "bias", "mean", "variance"], output)
  }

  /// - Returns: the bytes of the arena with and without fusion
  @discardableResult
  private func check(_ nodes: [Node], outputs: [String] = ["y"]) throws -> (fused: Int, plain: Int)
  {
    let model = Models.model(
      nodes, inputs: [ValueInfo("x", .tensor(.float32, x.shape))], outputs: outputs,
      initializers: initializers)
    func run(_ passes: [any Pass]) throws -> (results: [String: Tensor], bytes: Int) {
      var options = SessionOptions()
      options.passes = passes
      options.threads = 1
      let session = try Session(model, options: options)
      return (try session.run(["x": x]), try session.bind(inputs: ["x": x]).arenaBytes)
    }
    let (plain, fused) = (try run([]), try run([.fusion]))
    for name in outputs {
      let a = try #require(try plain.results[name]?.array(as: Float.self))
      let b = try #require(try fused.results[name]?.array(as: Float.self))
      #expect(a.count == b.count && zip(a, b).allSatisfy { abs($0 - $1) <= 1e-4 })
    }
    return (fused.bytes, plain.bytes)
  }

  @Test(arguments: ["Relu", "LeakyRelu", "Sigmoid"])
  func aNormalizationTakesWhatIsByChannel(activation: String) throws {
    let bytes = try check([
      node("Abs", ["x"], "v"), normalization("v", "a"), node("Mul", ["factor", "a"], "c"),
      node("Add", ["c", "shift"], "d"), node("Mul", ["d", "two"], "e"),
      node(activation, ["e"], "y"),
    ])
    #expect(bytes.fused < bytes.plain)
  }

  @Test func aConvolutionTakesWhatIsByChannel() throws {
    for convolution in [["x", "w"], ["x", "w", "b"]] {
      try check([
        node("Conv", convolution, "a"), node("Mul", ["a", "factor"], "c"),
        node("Add", ["shift", "c"], "d"), normalization("d", "e"), node("Relu", ["e"], "y"),
      ])
      try check([
        node("Conv", convolution, "a"), node("Add", ["a", "shift"], "c"),
        node("Sum", ["c", "x"], "d"), node("Relu", ["d"], "y"),
      ])
    }
  }

  @Test func whatIsNotByChannelStaysOutside() throws {
    try check([
      normalization("x", "a"), node("Mul", ["a", "row"], "c"), node("Relu", ["c"], "y"),
    ])
    try check([
      node("Conv", ["x", "w"], "a"), node("Add", ["a", "row"], "c"), node("Relu", ["c"], "y"),
    ])
    try check([normalization("x", "a"), node("Add", ["a", "x"], "c"), node("Relu", ["c"], "y")])
    try check([node("Conv", ["x", "w"], "a"), node("Sum", ["a", "x", "two"], "y")])
  }

  @Test func whatIsUsedTwiceIsKept() throws {
    try check(
      [normalization("x", "a"), node("Relu", ["a"], "y"), node("Add", ["a", "shift"], "z")],
      outputs: ["y", "z"])
    try check([normalization("x", "a"), node("Mul", ["a", "a"], "y")])
  }
}
