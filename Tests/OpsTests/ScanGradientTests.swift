import ONNX
import Testing

/// Gradients through `Scan`, by finite differences and by hand.
@Suite struct ScanGradientTests {
  private func node(
    _ type: String, _ inputs: [String], _ outputs: [String], _ attributes: [Attribute] = []
  ) -> Node { Node(type, inputs: inputs, outputs: outputs, attributes: attributes) }

  /// `h' = tanh(x + r · h)`, `y = h' · x`, with two scan inputs.
  private func scan(_ attributes: [Attribute] = [], outputs: [String] = ["h", "y"]) -> Node {
    let body = Graph(
      name: "body",
      nodes: [
        node("Mul", ["r", "state"], ["carried"]), node("Add", ["carried", "x"], ["sum"]),
        node("Tanh", ["sum"], ["next"]), node("Mul", ["next", "r"], ["row"]),
      ],
      inputs: ["state", "x", "r"].map { ValueInfo($0, nil) },
      outputs: ["next", "row"].map { ValueInfo($0, nil) })
    return Node(
      "Scan", inputs: [], outputs: outputs,
      attributes: [.graph("body", body), .int("num_scan_inputs", 2)] + attributes)
  }

  @Test(arguments: [9, 11, 16, 19, 21] as [Int64])
  func agreesWithDifferences(opset: Int64) throws {
    try checkGradient(
      scan(), [doubles([3]), doubles([5, 3], seed: 2), doubles([5, 3], seed: 3)], opset: opset)
  }

  @Test func agreesWithDifferencesForEachDirectionAndAxis() throws {
    for (first, second, output) in [(0, 1, 1), (1, 0, 0), (1, 1, 1)] {
      try checkGradient(
        scan([
          .ints("scan_input_axes", [1, -1]), .ints("scan_input_directions", [first, second]),
          .ints("scan_output_axes", [-1]), .ints("scan_output_directions", [output]),
        ]), [doubles([3]), doubles([3, 4], seed: 2), doubles([3, 4], seed: 3)])
    }
  }

  @Test func agreesWithDifferencesForEachOutputAlone() throws {
    let inputs = [doubles([3]), doubles([2, 3], seed: 2), doubles([2, 3], seed: 3)]
    try checkGradient(scan(), inputs, outputs: [0])
    try checkGradient(scan(), inputs, outputs: [1])
    try checkGradient(scan(outputs: ["h"]), inputs)
    try checkGradient(scan(), inputs, by: [1])
  }

  @Test func passesTheGradientOfTheStateThroughNoSteps() throws {
    let found = try checkGradient(
      scan(),
      [doubles([3]), Tensor(shape: [0, 3], [Double]()), Tensor(shape: [0, 3], [Double]())],
      outputs: [0])
    #expect(found[0]?.shape == [3])
  }

  /// A model whose body captures `w`, counts its steps, and reads a constant.
  private func capturing(_ type: ElementType = .float64) -> Model {
    let body = Graph(
      name: "body",
      nodes: [
        node("MatMul", ["state", "w"], ["product"]), node("Add", ["product", "x"], ["next"]),
        node("Add", ["count", "one"], ["counted"]),
        node("Cast", ["counted"], ["real"], [.int("to", Int(type.rawValue))]),
        node("Mul", ["next", "real"], ["weighed"]),
        node("ReduceSum", ["weighed", "axes"], ["row"], [.int("keepdims", 0)]),
      ],
      inputs: ["state", "count", "x"].map { ValueInfo($0, nil) },
      outputs: ["next", "counted", "row"].map { ValueInfo($0, nil) },
      initializers: [NamedTensor("one", Tensor(1 as Int64))])
    let graph = Graph(
      nodes: [
        node(
          "Scan", ["h0", "zero", "xs"], ["h", "steps", "rows"],
          [.graph("body", body), .int("num_scan_inputs", 1)]),
        node("ReduceSum", ["rows"], ["loss"], [.int("keepdims", 0)]),
      ],
      inputs: [
        ValueInfo("h0", .tensor(type, ["N", 2])), ValueInfo("xs", .tensor(type, ["T", "N", 2])),
        ValueInfo("w", .tensor(type, [2, 2])),
      ],
      outputs: [ValueInfo("loss", nil)],
      initializers: [
        NamedTensor("zero", Tensor(0 as Int64)),
        NamedTensor("axes", Tensor(shape: [1], [1 as Int64])),
      ])
    return Model(graph: graph, operatorSets: [OperatorSetImport(version: 20)])
  }

  /// The numbers of PyTorch (tools/generate/scan_gradient.py) for `Σₜ t · Σ hₜ`, `hₜ = hₜ₋₁ w + xₜ`.
  @Test func agreesWithPyTorchForCapturedValues() throws {
    var model = capturing()
    var differentiation = try Differentiation(model)
    let names = try differentiation.gradients(of: "loss", by: ["h0", "xs", "w"])
    model.graph = differentiation.graph
    model.graph.outputs = names.values.sorted().map { ValueInfo($0, nil) }
    let results = try Session(model).run([
      "h0": Tensor(shape: [1, 2], [0.5, -1]),
      "xs": Tensor(shape: [3, 1, 2], [1, 2, -0.5, 0.25, 0.75, -1.5]),
      "w": Tensor(shape: [2, 2], [0.5, -0.25, 1, 0.75]),
    ])
    func numbers(_ name: String) throws -> [Double] {
      try #require(names[name].flatMap { results[$0] }).array(as: Double.self)
    }
    #expect(try numbers("h0") == [-2.015625, 7.453125])
    #expect(try numbers("xs") == [0.5625, 9.1875, 2.75, 7.25, 3.0, 3.0])
    #expect(try numbers("w") == [3.21875, 8.65625, 5.625, 2.0625])
  }

  @Test func aBodyThatDrawsRandomNumbersIsRefused() throws {
    var model = capturing()
    guard case .graph(var body)? = model.graph.nodes[0].attribute("body")?.value else { return }
    body.nodes[3] = node("RandomUniformLike", ["next"], ["real"])
    model.graph.nodes[0].attributes[0] = .graph("body", body)
    var differentiation = try Differentiation(model)
    #expect(throws: ModelError.self) {
      try differentiation.gradients(of: "loss", by: ["w"])
    }
  }
}
