import ONNX
import Testing

@Suite struct ParameterChoiceTests {
  private func model(_ nodes: [Node], _ constants: [NamedTensor]) -> Model {
    Model(
      graph: Graph(
        name: "test", nodes: nodes, inputs: [ValueInfo("x", .tensor(.float32, ["N", 4]))],
        outputs: [ValueInfo("y", .tensor(.float32, nil))], initializers: constants),
      operatorSets: [OperatorSetImport(version: 17)], irVersion: 8)
  }

  private func parameters(_ model: Model, frozen: [String] = []) throws -> [String] {
    var options = TrainingOptions()
    options.loss = .meanSquaredError
    options.frozen = frozen
    return try Trainer(model, options).parameters.sorted()
  }

  private func one(_ name: String, _ number: Float = 0.25, scalar: Bool = false) -> NamedTensor {
    NamedTensor(name, Tensor(shape: scalar ? [] : [1], [number]))
  }

  private var weight: NamedTensor {
    NamedTensor("w", Tensor(shape: [4, 1], [1, 2, 3, 4] as [Float]))
  }

  @Test func aBiasOfOneElementIsTrained() throws {
    let gemm = model([Node("Gemm", inputs: ["x", "w", "b"], outputs: ["y"])], [weight, one("b")])
    #expect(try parameters(gemm) == ["b", "w"])
    for scalar in [false, true] {
      let sum = model(
        [
          Node("MatMul", inputs: ["x", "w"], outputs: ["m"]),
          Node("Add", inputs: ["m", "b"], outputs: ["y"]),
        ], [weight, one("b", scalar: scalar)])
      #expect(try parameters(sum) == ["b", "w"])
    }
  }

  @Test func slopesAndGainsAreTrained() throws {
    let net = model(
      [
        Node("MatMul", inputs: ["x", "w"], outputs: ["m"]),
        Node("PRelu", inputs: ["m", "slope"], outputs: ["p"]),
        Node("Mul", inputs: ["p", "block.gain"], outputs: ["y"]),
      ], [weight, one("slope"), one("block.gain")])
    #expect(try parameters(net) == ["block.gain", "slope", "w"])
  }

  @Test func constantsOfFormulasAreNotTrained() throws {
    let net = model(
      [
        Node("MatMul", inputs: ["x", "w"], outputs: ["m"]),
        Node("Mul", inputs: ["m", "val_3"], outputs: ["a"]),
        Node("Mul", inputs: ["a", "factor"], outputs: ["c"]),
        Node("Mul", inputs: ["c", "c"], outputs: ["d"]),
        Node("Add", inputs: ["d", "epsilon"], outputs: ["e"]),
        Node("Sqrt", inputs: ["e"], outputs: ["y"]),
      ], [weight, one("val_3"), one("factor", scalar: true), one("epsilon", 1e-5)])
    #expect(try parameters(net) == ["w"])
    // PyTorch's exporters name parameters only.
    var exported = net
    exported.producerName = "pytorch"
    #expect(try parameters(exported) == ["factor", "w"])
  }

  @Test func aBiasOfOneElementLearns() throws {
    let net = model(
      [Node("Gemm", inputs: ["x", "w", "b"], outputs: ["y"])], [weight, one("b", 0)])
    var options = TrainingOptions()
    options.loss = .meanSquaredError
    options.optimizer = SGD()
    let trainer = try Trainer(net, options)
    var random = RandomStream(seed: 1)
    let x = (0..<64).map { _ in Float(random.uniform(-1, 1)) }
    let factors: [Float] = [1, 2, 3, 4]
    let y = (0..<16).map { row -> Float in
      (0..<4).reduce(5) { $0 + factors[$1] * x[row * 4 + $1] }
    }
    let batch = Batch(
      ["x": Tensor(shape: [16, 4], x), Loss.labels: Tensor(shape: [16, 1], y)], count: 16)
    for _ in 0..<200 { _ = try trainer.train(on: batch, rate: 0.1) }
    let bias = try trainer.model.graph.initializers.first { $0.name == "b" }
    #expect(abs(try #require(bias).tensor.elements(as: Float.self)[0] - 5) < 0.2)
  }

  @Test func numbersOfOtherArithmeticAreTrainedInModelsOfPyTorch() throws {
    var net = model(
      [
        Node("MatMul", inputs: ["x", "w"], outputs: ["m"]),
        Node("Div", inputs: ["m", "temperature"], outputs: ["d"]),
        Node("Sigmoid", inputs: ["share"], outputs: ["s"]),
        Node("Mul", inputs: ["d", "s"], outputs: ["e"]),
        Node("Pow", inputs: ["e", "val_3"], outputs: ["y"]),
      ], [weight, one("temperature", scalar: true), one("share"), one("val_3", 2, scalar: true)])
    #expect(try parameters(net) == ["w"])
    net.producerName = "pytorch"
    #expect(try parameters(net) == ["share", "temperature", "w"])
  }

  @Test func vectorsThatAnExporterHasMergedAreTrainedApart() throws {
    func norm(_ module: String, _ input: String, _ output: String) -> Node {
      var node = Node(
        "BatchNormalization", inputs: [input, "one", "zero", "zero", "one"], outputs: [output])
      node.metadata = [
        MetadataEntry(key: "pkg.torch.onnx.name_scopes", value: "['', '\(module)', 'norm']")
      ]
      return node
    }
    let vectors = [("one", 1), ("zero", 0)].map { name, number in
      NamedTensor(name, Tensor(shape: [4], [Float](repeating: number, count: 4)))
    }
    // The module b is used twice.
    let net = model(
      [
        norm("a", "x", "p"), norm("b", "p", "q"), norm("b", "q", "r"),
        Node("MatMul", inputs: ["r", "w"], outputs: ["y"]),
      ],
      vectors + [weight])
    var options = TrainingOptions()
    options.loss = .meanSquaredError
    let trainer = try Trainer(net, options)
    #expect(trainer.parameters.count == 5)
    let x = Tensor(shape: [3, 4], (0..<12).map { Float($0 * $0) })
    let batch = Batch(
      ["x": x, Loss.labels: Tensor(shape: [3, 1], [1, 2, 4] as [Float])], count: 3)
    _ = try trainer.train(on: batch, rate: 0.1)
    let trained = try trainer.model
    #expect(Set(trained.graph.nodes[0].inputs.dropFirst()).count == 4)
    #expect(trained.graph.nodes[1].inputs.dropFirst() == trained.graph.nodes[2].inputs.dropFirst())
    #expect(try Session(trained).run(["x": x])["y"]?.shape == [3, 1])
  }

  @Test func vectorsThatAnExporterHasCopiedAreTrainedApart() throws {
    let vectors = [("scale", 1), ("bias", 0)].map { name, number in
      NamedTensor(name, Tensor(shape: [4], [Float](repeating: number, count: 4)))
    }
    let net = model(
      [
        Node("Identity", inputs: ["bias"], outputs: ["mean"]),
        Node("Identity", inputs: ["scale"], outputs: ["variance"]),
        Node(
          "BatchNormalization", inputs: ["x", "scale", "bias", "mean", "variance"], outputs: ["n"]),
        Node("MatMul", inputs: ["n", "w"], outputs: ["y"]),
      ],
      vectors + [weight])
    var options = TrainingOptions()
    options.loss = .meanSquaredError
    let trainer = try Trainer(net, options)
    #expect(trainer.parameters.sorted() == ["bias", "scale", "w"])
    let x = Tensor(shape: [3, 4], (0..<12).map { Float($0 * $0) })
    let batch = Batch(
      ["x": x, Loss.labels: Tensor(shape: [3, 1], [1, 2, 4] as [Float])], count: 3)
    _ = try trainer.train(on: batch, rate: 0.1)
    let trained = try trainer.model.graph.initializers
    let mean = try #require(trained.first { $0.name == "mean" })
    // A tenth of the means of the columns.
    let means = [80, 107, 140, 179].map { Float($0) / 30 }
    #expect(
      zip(try mean.tensor.array(as: Float.self), means).allSatisfy { abs($0 - $1) < 1e-5 })
    #expect(try trained.first { $0.name == "bias" }?.tensor.array(as: Float.self) != means)
  }

  @Test func frozenPatternsMatchModulesAndMustMatchSomething() throws {
    var node = Node("MatMul", name: "node_MatMul", inputs: ["x", "val_1"], outputs: ["m"])
    node.metadata = [
      MetadataEntry(key: "pkg.torch.onnx.name_scopes", value: "['', 'features.0', 'linear']")
    ]
    var first = weight
    first.name = "val_1"
    let net = model(
      [node, Node("Mul", inputs: ["m", "head"], outputs: ["y"])],
      [first, NamedTensor("head", Tensor(shape: [2], [1, 2] as [Float]))])
    #expect(try parameters(net) == ["head", "val_1"])
    #expect(try parameters(net, frozen: ["features*"]) == ["head"])
    let error = #expect(throws: TrainingError.self) {
      try parameters(net, frozen: ["feature.0.weights"])
    }
    #expect(error?.description.contains("did you mean 'features.0.weight'") == true)
  }
}
