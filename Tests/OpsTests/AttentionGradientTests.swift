import ONNX
import Testing

@Suite struct AttentionGradientTests {
  private func ramp(_ shape: [Int], _ factor: Double) -> Tensor {
    let count = shape.reduce(1, *)
    return Tensor(shape: shape, (0..<count).map { Double(($0 * 7) % 11 - 5) * factor })
  }

  private func node(_ inputs: Int, outputs: Int = 1, _ attributes: Attribute...) -> Node {
    Node(
      "Attention", inputs: (0..<inputs).map { "x\($0)" }, outputs: (0..<outputs).map { "y\($0)" },
      attributes: attributes)
  }

  @Test func headsThatShareKeysSumTheirGradients() throws {
    try checkGradient(
      node(3, .int("is_causal", 1)),
      [ramp([1, 4, 3, 2], 0.1), ramp([1, 2, 3, 2], 0.2), ramp([1, 2, 3, 5], 0.3)], opset: 23)
  }

  @Test func packedHeadsWithMaskAndCap() throws {
    try checkGradient(
      node(
        4, .int("q_num_heads", 2), .int("kv_num_heads", 2), .float("scale", 0.5),
        .float("softcap", 1.5)),
      [ramp([2, 3, 4], 0.2), ramp([2, 5, 4], 0.2), ramp([2, 5, 6], 0.3), ramp([3, 5], 0.1)],
      opset: 23)
  }

  @Test func scoresMayBeAnOutputToo() throws {
    try checkGradient(
      node(3, outputs: 4, .int("qk_matmul_output_mode", 2)),
      [ramp([1, 2, 3, 2], 0.1), ramp([1, 2, 3, 2], 0.2), ramp([1, 2, 3, 2], 0.3)], outputs: [0],
      opset: 23)
  }

  @Test func pastAndPresentHaveGradients() throws {
    try checkGradient(
      node(6, outputs: 3),
      [
        ramp([1, 2, 2, 3], 0.2), ramp([1, 2, 2, 3], 0.3), ramp([1, 2, 2, 2], 0.1), nil,
        ramp([1, 2, 1, 3], 0.2), ramp([1, 2, 1, 2], 0.4),
      ], opset: 23)
  }

  /// Inputs `[2, 4, 3, 2]`, `[2, heads, 5, 2]`, `[2, heads, 5, 3]`.
  private func inputs(heads: Int = 2) -> [Tensor?] {
    [ramp([2, 4, 3, 2], 0.2), ramp([2, heads, 5, 2], 0.15), ramp([2, heads, 5, 3], 0.3)]
  }

  @Test(arguments: [1, 2, 4], [0, 1])
  func sharedKeysWithACap(heads: Int, isCausal: Int) throws {
    try checkGradient(
      node(3, .int("is_causal", isCausal), .float("softcap", 0.7)), inputs(heads: heads), opset: 23)
  }

  @Test(arguments: [
    [5], [3, 5], [3, 1], [4, 3, 5], [1, 3, 5], [2, 1, 3, 5], [2, 4, 3, 5], [3, 3],
  ])
  func masksOfEachShape(shape: [Int]) throws {
    try checkGradient(node(4), inputs() + [ramp(shape, 0.25)], opset: 23)
    try checkGradient(
      node(4, .int("is_causal", 1), .float("softcap", 2)), inputs() + [ramp(shape, 0.25)],
      opset: 23)
  }

  /// Also a query that attends to no key.
  @Test func masksOfBools() throws {
    let count = 2 * 4 * 3 * 5
    let flags = (0..<count).map { $0 % 15 >= 5 && $0 % 3 != 1 }
    try checkGradient(
      node(4), inputs() + [Tensor(shape: [2, 4, 3, 5], flags)], by: [0, 1, 2], opset: 23)
  }

  @Test(arguments: [0, 1]) func pastOfSharedKeys(isCausal: Int) throws {
    try checkGradient(
      node(6, outputs: 3, .int("is_causal", isCausal), .float("softcap", 1.5)),
      inputs() + [
        ramp([3, 7], 0.1), ramp([2, 2, 2, 2], 0.2), ramp([2, 2, 2, 3], 0.4),
      ], opset: 23)
  }

  @Test func pastOfPackedHeads() throws {
    try checkGradient(
      node(6, outputs: 3, .int("q_num_heads", 4), .int("kv_num_heads", 2), .int("is_causal", 1)),
      [
        ramp([2, 3, 8], 0.2), ramp([2, 3, 4], 0.15), ramp([2, 3, 6], 0.3), nil,
        ramp([2, 2, 2, 2], 0.2), ramp([2, 2, 2, 3], 0.4),
      ], opset: 23)
  }

  @Test func keysBeyondTheLengthOfACacheHaveNoGradient() throws {
    let found = try checkGradient(
      node(7, .int("is_causal", 1)),
      inputs() + [nil, nil, nil, Tensor(shape: [2], [3, 5] as [Int64])], by: [0, 1, 2], opset: 24)
    let keys = try #require(found[1]).array(as: Double.self)
    for head in 0..<2 { #expect(keys[head * 10 + 6..<head * 10 + 10].allSatisfy { $0 == 0 }) }
  }

  @Test func windowsOfKeys() throws {
    try checkGradient(
      node(3, .int("left_window_size", 1), .int("right_window_size", 1)), inputs(), opset: 25)
    try checkGradient(
      node(3, .int("is_causal", 1), .int("left_window_size", 1)), inputs(), opset: 25)
  }

  /// The numbers of PyTorch (tools/generate/attention_gradient.py).
  @Test func agreesWithPyTorch() throws {
    func ramp(_ shape: [Int], _ phase: Int) -> Tensor {
      let count = shape.reduce(1, *)
      return Tensor(shape: shape, (0..<count).map { Double(($0 * 7 + phase) % 11 - 5) / 4 })
    }
    var model = Model(
      graph: Graph(
        nodes: [
          node(3, .int("is_causal", 1)),
          Node("Mul", inputs: ["y0", "weight"], outputs: ["product"]),
          Node("ReduceSum", inputs: ["product"], outputs: ["loss"]),
        ],
        inputs: [
          ValueInfo("x0", .tensor(.float64, [1, 2, 2, 2])),
          ValueInfo("x1", .tensor(.float64, [1, 1, 2, 2])),
          ValueInfo("x2", .tensor(.float64, [1, 1, 2, 2])),
        ], outputs: [ValueInfo("loss", nil)],
        initializers: [NamedTensor("weight", ramp([1, 2, 2, 2], 3))]),
      operatorSets: [OperatorSetImport(version: 23)])
    var differentiation = try Differentiation(model)
    let names = try differentiation.gradients(of: "loss", by: ["x0", "x1", "x2"])
    model.graph = differentiation.graph
    model.graph.outputs = names.values.sorted().map { ValueInfo($0, nil) }
    let results = try Session(model).run([
      "x0": ramp([1, 2, 2, 2], 0), "x1": ramp([1, 1, 2, 2], 1), "x2": ramp([1, 1, 2, 2], 2),
    ])
    for (name, wanted) in Self.torch {
      let values = try #require(names[name].flatMap { results[$0] }).array(as: Double.self)
      #expect(values.count == wanted.count)
      for (a, b) in zip(values, wanted) { #expect(abs(a - b) < 1e-12, "\(name)") }
    }
  }

  private static let torch: [String: [Double]] = [
    "x0": [
      0.0, 0.0, 0.09162443586402329, -0.24433182897072875, 0.0, 0.0, -0.27828111807627665,
      0.7420829815367378,
    ],
    "x1": [0.4321244480110511, -0.15270739310670547, -0.4321244480110511, 0.15270739310670547],
    "x2": [0.35061299552968644, 0.8646712293426341, -0.6006129955296864, 0.38532877065736576],
  ]
}
