import ONNX
import ONNXOperators
import Testing

@testable import ONNXConversion

/// Binding to small graphs of the kind that exporters write.
struct BindingGraphTests {
  private func model(_ graph: Graph, functions: [Function] = []) -> Model {
    var model = Model(graph: graph, operatorSets: [OperatorSetImport(version: 18)])
    model.functions = functions
    return model
  }

  private func tensor(_ shape: [Int], from start: Float = 1) -> Tensor {
    let count = shape.reduce(1, *)
    return Tensor(shape: shape, (0..<count).map { start + Float($0) })
  }

  private func weights(_ tensors: [(String, Tensor)]) -> Weights {
    var weights = Weights(tensors.map { Weights.Entry($0.0, $0.1) })
    weights.layout = .pyTorch
    return weights
  }

  private func input(_ name: String, _ shape: [Int]) -> ValueInfo {
    ValueInfo(name, .tensor(TensorType(.float32, shape)))
  }

  private func output(_ name: String) -> ValueInfo { ValueInfo(name, nil) }

  private func numbers(_ model: Model, _ name: String) throws -> [Float] {
    let graph = FlatGraph(model)
    let index = try #require(graph.places[name])
    return try graph.initializers[index].tensor.array()
  }

  // MARK: Places of weights

  /// Both branches have a weight of the same name, one of them in a `Constant`.
  private var branches: Model {
    let constant = Node(
      "Constant", inputs: [], outputs: ["fc.weight"],
      attributes: [.tensor("value", tensor([2, 2], from: 20))])
    let product = Node("MatMul", name: "m", inputs: ["x", "fc.weight"], outputs: ["y"])
    let then = Graph(
      name: "then", nodes: [product], outputs: [output("y")],
      initializers: [NamedTensor("fc.weight", tensor([2, 2], from: 10))])
    let otherwise = Graph(name: "else", nodes: [constant, product], outputs: [output("y")])
    let choice = Node(
      "If", name: "choice", inputs: ["c"], outputs: ["z"],
      attributes: [.graph("then_branch", then), .graph("else_branch", otherwise)])
    return model(
      Graph(
        name: "g", nodes: [choice],
        inputs: [input("x", [2, 2]), ValueInfo("c", .tensor(TensorType(.bool, [Int]())))],
        outputs: [output("z")]))
  }

  @Test func weightsWithinNodesComeOutAndGoIn() throws {
    let found = try Weights(of: branches)
    #expect(found.entries.map(\.name) == ["fc.weight", "choice/else_branch/fc.weight"])
    #expect(try found.entries.map { try $0.tensor().array() as [Float] }.map(\.first) == [10, 20])
    let (bound, report) = try branches.bound(
      to: weights([
        ("fc.weight", tensor([2, 2], from: 50)),
        ("choice/else_branch/fc.weight", tensor([2, 2], from: 70)),
      ]))
    try report.checkComplete()
    #expect(try numbers(bound, "fc.weight") == [50, 51, 52, 53])
    #expect(try numbers(bound, "choice/else_branch/fc.weight") == [70, 71, 72, 73])
  }

  @Test func weightsWithinFunctions() throws {
    let function = Function(
      "layer", domain: "own", inputs: ["a"], outputs: ["b"],
      nodes: [
        Node(
          "Constant", inputs: [], outputs: ["fc.weight"],
          attributes: [.tensor("value", tensor([2, 2]))]),
        Node("MatMul", inputs: ["a", "fc.weight"], outputs: ["b"]),
      ], operatorSets: [OperatorSetImport(version: 18)])
    let graph = Graph(
      name: "g", nodes: [Node("layer", domain: "own", inputs: ["x"], outputs: ["y"])],
      inputs: [input("x", [2, 2])], outputs: [output("y")])
    let base = model(graph, functions: [function])
    let (bound, report) = try base.bound(to: weights([("fc.weight", tensor([2, 2], from: 5))]))
    try report.checkComplete()
    let constant = try #require(bound.functions[0].nodes[0].attribute("value")?.value)
    guard case .tensor(let named) = constant else { throw CancellationError() }
    #expect(try named.tensor.array() == [5, 6, 7, 8] as [Float])
  }

  @Test func sparseWeightsComeOutDense() throws {
    var graph = Graph(name: "g")
    graph.sparseInitializers = [
      SparseTensor(
        values: NamedTensor("s", tensor([2])),
        indices: NamedTensor(nil, Tensor(shape: [2], [1, 2] as [Int64])), shape: [2, 2])
    ]
    let found = try Weights(of: model(graph))
    #expect(try found.tensors()["s"]?.array() == [0, 1, 2, 0] as [Float])
  }

  // MARK: Changes by exporters

  /// Equal weights are merged, and an `Identity` keeps the second name.
  @Test func mergedWeightsAreTakenApart() throws {
    let graph = Graph(
      name: "g",
      nodes: [
        Node("Identity", inputs: ["a.scale"], outputs: ["b.scale"]),
        Node("Mul", inputs: ["x", "a.scale"], outputs: ["y"]),
        Node("Mul", inputs: ["y", "b.scale"], outputs: ["z"]),
      ], inputs: [input("x", [2])], outputs: [output("z")],
      initializers: [NamedTensor("a.scale", Tensor(shape: [2], [1, 1] as [Float]))])
    let base = model(graph)
    let (bound, report) = try base.bound(
      to: weights([("a.scale", tensor([2])), ("b.scale", tensor([2], from: 5))]))
    try report.checkComplete()
    #expect(bound.graph.initializers.map(\.name) == ["a.scale", "b.scale"])
    #expect(!bound.graph.nodes.contains { $0.operatorType == "Identity" })
    let session = try Session(bound)
    let result = try session.run(["x": Tensor(shape: [2], [1, 1] as [Float])])
    #expect(try result["z"]?.array() == [5, 12] as [Float])
    // Tied weights stay shared.
    let tied = try base.bound(to: weights([("a.scale", tensor([2])), ("b.scale", tensor([2]))]))
    #expect(tied.model.graph.initializers.map(\.name) == ["a.scale"])
  }

  @Test func weightsThatExportersCutAreFoundByTheirRows() throws {
    var nodes: [Node] = []
    var initializers: [NamedTensor] = []
    for (index, width) in [2, 4].enumerated() {
      let suffix = index == 0 ? "" : "_\(index)"
      initializers.append(NamedTensor("onnx::MatMul_\(10 + index)", tensor([2, width])))
      initializers.append(NamedTensor("onnx::Add_\(20 + index)", tensor([width])))
      nodes.append(
        Node(
          "MatMul", name: "/attention/MatMul\(suffix)",
          inputs: ["x", "onnx::MatMul_\(10 + index)"], outputs: ["p\(index)"]))
      nodes.append(
        Node(
          "Add", name: "/attention/Add\(suffix)", inputs: ["onnx::Add_\(20 + index)", "p\(index)"],
          outputs: ["y\(index)"]))
    }
    let graph = Graph(
      name: "g", nodes: nodes, inputs: [input("x", [1, 2])], outputs: [output("y0"), output("y1")],
      initializers: initializers)
    let (bound, report) = try model(graph).bound(
      to: weights([
        ("attention.in_proj_weight", tensor([6, 2])),
        ("attention.in_proj_bias", tensor([6], from: 100)),
      ]))
    try report.checkComplete()
    #expect(try numbers(bound, "onnx::MatMul_10") == [1, 3, 2, 4])
    #expect(try numbers(bound, "onnx::MatMul_11") == [5, 7, 9, 11, 6, 8, 10, 12])
    #expect(try numbers(bound, "onnx::Add_21") == [102, 103, 104, 105])
  }

  @Test(arguments: [["weight_g", "weight_v"], [".original0", ".original1"]])
  func weightsByNormAndDirection(names: [String]) throws {
    let path = names[0].hasPrefix(".") ? "fc.parametrizations.weight" : "fc."
    let graph = Graph(
      name: "g", nodes: [Node("Gemm", name: "/fc/Gemm", inputs: ["x", "w"], outputs: ["y"])],
      inputs: [input("x", [1, 2])], outputs: [output("y")],
      initializers: [NamedTensor("w", tensor([2, 2]))])
    var base = model(graph)
    base.graph.initializers[0].name = "onnx::Gemm_3"
    base.graph.nodes[0].inputs[1] = "onnx::Gemm_3"
    base.graph.nodes[0].attributes = [.int("transB", 1)]
    let (bound, report) = try base.bound(
      to: weights([
        (path + names[0], Tensor(shape: [2, 1], [10, 26] as [Float])),
        (path + names[1], Tensor(shape: [2, 2], [3, 4, 5, 12] as [Float])),
      ]))
    try report.checkComplete()
    #expect(try numbers(bound, "onnx::Gemm_3") == [6, 8, 10, 24])
    #expect(report.rows.first?.from.count == 2)
  }

  @Test func weightsByTheirLargestStretch() throws {
    let file = weights([
      ("up.weight_orig", Tensor(shape: [1, 2, 2], [1, 2, 3, 4] as [Float])),
      ("up.weight_u", Tensor(shape: [2], [1, 0.5] as [Float])),
      ("up.weight_v", Tensor(shape: [2], [2, 0] as [Float])),
    ])
    // u · (W v), where the second axis counts the outputs: 1 · 2 + ½ · 6.
    let items = ComputedWeights(file) { $0 == "up" }.items
    #expect(items.map(\.entry.name) == ["up.weight"])
    #expect(try items.first?.entry.tensor().array() == [0.2, 0.4, 0.6, 0.8] as [Float])
  }

  @Test func eachGroupOfATransposedConvolutionIsFoldedWithItsOwnMap() throws {
    let map = try ChannelMap(
      weight: Tensor(shape: [2], [1, 10] as [Float]), bias: nil,
      mean: Tensor(shape: [2], [0, 0] as [Float]),
      variance: Tensor(shape: [2], [1, 1] as [Float]), epsilon: 0)
    let folded = try map.folded(weight: tensor([2, 1, 2]), axis: 1, groups: 2)
    #expect(try folded.array() == [1, 2, 30, 40] as [Float])
    #expect(throws: FormatError.self) { try map.folded(weight: tensor([3, 1, 2]), axis: 1) }
  }

  @Test(arguments: [
    ("/layer1/layer1.0/conv1/Conv", "layer1.0.conv1"), ("/0/0.0/Conv", "0.0"),
    ("/1/block/block.0/block.0.2/Conv", "1.block.0.2"), ("/MatMul", ""),
    ("/encoder/layers.0/linear1/MatMul", "encoder.layers.0.linear1"),
  ])
  func scopesOfNestedSequences(name: String, path: String) {
    #expect(ModulePath.of(Node("Conv", name: name, inputs: [], outputs: [])) == path)
  }

  @Test func constantsOfNamesWithoutModuleNeedNoWeight() throws {
    let graph = Graph(
      name: "g",
      nodes: [
        Node("Mul", inputs: ["x", "scale"], outputs: ["y"]),
        Node("Sub", inputs: ["y", "expand"], outputs: ["z"]),
      ], inputs: [input("x", [2])], outputs: [output("z")],
      initializers: [NamedTensor("scale", tensor([2])), NamedTensor("expand", tensor([2]))])
    let base = model(graph)
    let scale = ("scale", tensor([2], from: 7))
    #expect(try base.bound(to: weights([scale])).report.isComplete)
    let report = try base.bound(to: weights([scale, ("offset", tensor([3]))])).report
    #expect(report.count(.unused) == 1 && report.count(.missing) == 1)
  }

  /// The checkpoint also has averaged weights.
  @Test func aStatedPrefixChoosesAmongCopies() throws {
    let graph = Graph(
      name: "g", nodes: [Node("Mul", inputs: ["x", "a.scale"], outputs: ["y"])],
      inputs: [input("x", [2])], outputs: [output("y")],
      initializers: [NamedTensor("a.scale", tensor([2]))])
    let copies = weights([
      ("ema.a.scale", tensor([2], from: 3)), ("model.a.scale", tensor([2], from: 5)),
    ])
    #expect(try !model(graph).bound(to: copies).report.isComplete)
    var options = BindingOptions()
    options.prefix = "model"
    let (bound, report) = try model(graph).bound(to: copies, options)
    try report.checkComplete()
    #expect(try numbers(bound, "a.scale") == [5, 6])
  }
}
