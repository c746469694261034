import ONNX
import Testing

/// Gradients through `Loop`, by finite differences and by PyTorch's numbers.
@Suite struct LoopGradientTests {
  private func node(
    _ type: String, _ inputs: [String], _ outputs: [String], _ attributes: [Attribute] = []
  ) -> Node { Node(type, inputs: inputs, outputs: outputs, attributes: attributes) }

  private func number(_ name: String, _ value: Double) -> NamedTensor {
    NamedTensor(name, Tensor(value))
  }

  /// `h' = tanh(1.2 · h + 0.1 · i)`, `y = h · h'`; the condition is `Σ h' < limit`.
  private func loop(limit: Double = 100, outputs: [String] = ["h", "y"]) -> Node {
    let body = Graph(
      name: "body",
      nodes: [
        node("Cast", ["i"], ["real"], [.int("to", Int(ElementType.float64.rawValue))]),
        node("Mul", ["real", "tenth"], ["bias"]), node("Mul", ["state", "factor"], ["product"]),
        node("Add", ["product", "bias"], ["sum"]), node("Tanh", ["sum"], ["next"]),
        node("Mul", ["state", "next"], ["row"]),
        node("ReduceSum", ["next"], ["total"], [.int("keepdims", 0)]),
        node("Less", ["total", "limit"], ["goes_on"]),
      ],
      inputs: ["i", "condition", "state"].map { ValueInfo($0, nil) },
      outputs: ["goes_on", "next", "row"].map { ValueInfo($0, nil) },
      initializers: [number("tenth", 0.1), number("factor", 1.2), number("limit", limit)])
    return Node("Loop", inputs: [], outputs: outputs, attributes: [.graph("body", body)])
  }

  private let state = doubles([3], from: 0.1, to: 0.6)

  @Test(arguments: [1, 11, 13, 16, 19, 21, 23] as [Int64])
  func agreesWithDifferencesForANumberOfIterations(opset: Int64) throws {
    // Before version 13, ReduceSum has its axes as an attribute, which the body does without.
    try checkGradient(loop(), [Tensor(4 as Int64), nil, state], opset: max(opset, 9))
  }

  @Test func agreesWithDifferencesWhereTheConditionEndsTheLoop() throws {
    // Three and five iterations: the sum of the state grows by about a fifth in each.
    for limit in [1.3, 1.8] {
      try checkGradient(loop(limit: limit), [nil, Tensor(true), state])
      try checkGradient(loop(limit: limit), [Tensor(50 as Int64), Tensor(true), state])
    }
  }

  @Test func agreesWithDifferencesForEachOutputAlone() throws {
    let inputs = [Tensor(3 as Int64), nil, state]
    try checkGradient(loop(), inputs, outputs: [0])
    try checkGradient(loop(), inputs, outputs: [1])
    try checkGradient(loop(outputs: ["h"]), inputs)
  }

  @Test func passesTheGradientOfTheStateThroughNoIterations() throws {
    let found = try checkGradient(loop(), [Tensor(0 as Int64), nil, state], outputs: [0])
    #expect(found[2]?.shape == [3])
    try checkGradient(loop(), [nil, Tensor(false), state], outputs: [0])
  }

  /// A model with `h' = tanh(h w + b · i)` for at most `trips` iterations while `Σ h' < limit`, in which
  /// the body captures `w` and `b` and reads its steps from `xs`; the loss is `Σ i · Σ hᵢ`.
  private func capturing() -> Model {
    let body = Graph(
      name: "body",
      nodes: [
        node("Gather", ["xs", "i"], ["x"]), node("MatMul", ["state", "w"], ["product"]),
        node("Add", ["product", "x"], ["sum"]), node("Tanh", ["sum"], ["next"]),
        node("Add", ["count", "one"], ["counted"]),
        node("Cast", ["counted"], ["real"], [.int("to", Int(ElementType.float64.rawValue))]),
        node("Mul", ["next", "real"], ["weighed"]),
        node("ReduceSum", ["next"], ["total"], [.int("keepdims", 0)]),
        node("Less", ["total", "limit"], ["goes_on"]),
      ],
      inputs: ["i", "condition", "state", "count"].map { ValueInfo($0, nil) },
      outputs: ["goes_on", "next", "counted", "weighed"].map { ValueInfo($0, nil) },
      initializers: [NamedTensor("one", Tensor(1 as Int64)), number("limit", 1.5)])
    let graph = Graph(
      nodes: [
        node("Loop", ["", "yes", "h0", "zero"], ["h", "steps", "rows"], [.graph("body", body)]),
        node("ReduceSum", ["rows"], ["loss"], [.int("keepdims", 0)]),
      ],
      inputs: [
        ValueInfo("h0", .tensor(.float64, ["N", 2])),
        ValueInfo("xs", .tensor(.float64, ["T", "N", 2])),
        ValueInfo("w", .tensor(.float64, [2, 2])),
      ],
      outputs: [ValueInfo("loss", nil)],
      initializers: [
        NamedTensor("zero", Tensor(0 as Int64)), NamedTensor("yes", Tensor(true)),
      ])
    return Model(graph: graph, operatorSets: [OperatorSetImport(version: 20)])
  }

  private func gradients(
    of model: Model, by names: [String], _ inputs: [String: Tensor]
  ) throws -> [String: [Double]] {
    var model = model
    var differentiation = try Differentiation(model)
    let found = try differentiation.gradients(of: "loss", by: names)
    model.graph = differentiation.graph
    model.graph.outputs = found.values.sorted().map { ValueInfo($0, nil) }
    let results = try Session(model).run(inputs)
    return try found.mapValues { try #require(results[$0]).array(as: Double.self) }
  }

  /// The numbers of PyTorch (tools/generate/loop_gradient.py). The loop ends after three of four steps.
  @Test func agreesWithPyTorchForCapturedValues() throws {
    let found = try gradients(
      of: capturing(), by: ["h0", "xs", "w"],
      [
        "h0": Tensor(shape: [1, 2], [0.5, -1]),
        "xs": Tensor(shape: [4, 1, 2], [0.5, 0.25, -0.5, 0.25, 1.5, 1, 3, 3]),
        "w": Tensor(shape: [2, 2], [0.5, -0.25, 1, 0.75]),
      ])
    for (name, numbers) in Self.torch {
      let values = try #require(found[name])
      #expect(values.count == numbers.count)
      for (a, b) in zip(values, numbers) { #expect(abs(a - b) < 1e-12, "\(name)") }
    }
  }

  private static let torch: [String: [Double]] = [
    "h0": [-0.6509441774899263, 2.8297226605424437],
    "xs": [
      0.35075605122906583, 3.305288812417837, 0.7571816345691034, 4.021807905041767,
      1.2939861392392393, 1.0294501250764383, 0, 0,
    ],
    "w": [-1.079577900576181, -0.18323458363461032, -0.9057019956769964, -5.643194156787897],
  ]

  @Test func aLoopInABranchOfALoopAgreesWithDifferences() throws {
    let inner = loop(limit: 2, outputs: ["deep", "rows"])
    var deep = inner
    deep.inputs = ["two", "", "half"]
    let yes = Graph(
      name: "yes", nodes: [node("Mul", ["outer", "w"], ["half"]), deep],
      outputs: [ValueInfo("deep", nil)])
    let no = Graph(
      name: "no", nodes: [node("Mul", ["outer", "outer"], ["square"])],
      outputs: [ValueInfo("square", nil)])
    let body = Graph(
      name: "body",
      nodes: [
        node("Mod", ["i", "two"], ["rest"]), node("Cast", ["rest"], ["odd"], [.int("to", 9)]),
        node("If", ["odd"], ["next"], [.graph("then_branch", yes), .graph("else_branch", no)]),
        node("Identity", ["condition"], ["same"]),
      ],
      inputs: ["i", "condition", "outer"].map { ValueInfo($0, nil) },
      outputs: ["same", "next"].map { ValueInfo($0, nil) })
    let graph = Graph(
      nodes: [
        node("Loop", ["four", "", "h0"], ["h"], [.graph("body", body)]),
        node("ReduceSum", ["h"], ["loss"], [.int("keepdims", 0)]),
      ],
      inputs: ["h0", "w"].map { ValueInfo($0, .tensor(.float64, [3])) },
      outputs: [ValueInfo("loss", nil)],
      initializers: [
        NamedTensor("two", Tensor(2 as Int64)), NamedTensor("four", Tensor(4 as Int64)),
      ])
    let model = Model(graph: graph, operatorSets: [OperatorSetImport(version: 20)])
    var inputs = ["h0": doubles([3], from: 0.4, to: 0.9), "w": doubles([3], seed: 5)]
    let found = try gradients(of: model, by: ["h0", "w"], inputs)
    let session = try Session(model)
    for (name, gradient) in found {
      let start = try #require(inputs[name]).array(as: Double.self)
      for index in start.indices {
        func loss(_ change: Double) throws -> Double {
          var values = start
          values[index] += change
          inputs[name] = Tensor(shape: [3], values)
          return try #require(session.run(inputs)["loss"]).array(as: Double.self)[0]
        }
        let slope = (try loss(1e-5) - loss(-1e-5)) / 2e-5
        #expect(abs(slope - gradient[index]) < 1e-8, "\(name)[\(index)]")
      }
      inputs[name] = Tensor(shape: [3], start)
    }
    #expect(found.count == 2)
  }

  @Test func whatCannotBeDifferentiatedIsRefused() throws {
    var random = capturing()
    guard case .graph(var body)? = random.graph.nodes[0].attribute("body")?.value else { return }
    body.nodes[3] = node("RandomUniformLike", ["sum"], ["next"])
    random.graph.nodes[0].attributes[0] = .graph("body", body)

    var listing = capturing()
    listing.graph.nodes[0].inputs[3] = "list"
    listing.graph.nodes.insert(node("SequenceEmpty", [], ["list"], [.int("dtype", 11)]), at: 0)
    body.nodes = [
      node("SequenceInsert", ["count", "state"], ["counted"]),
      node("MatMul", ["state", "w"], ["next"]), node("Identity", ["condition"], ["goes_on"]),
      node("Identity", ["next"], ["weighed"]),
    ]
    body.initializers = []
    listing.graph.nodes[1].attributes[0] = .graph("body", body)

    for (model, reason) in [(random, "draws random numbers"), (listing, "carries 'list'")] {
      var differentiation = try Differentiation(model)
      let error = #expect(throws: ModelError.self) {
        try differentiation.gradients(of: "loss", by: ["w"])
      }
      #expect(error.map { "\($0)".contains(reason) } ?? false, "\(String(describing: error))")
    }
  }
}
