import ONNX
import Testing

@Suite struct BranchGradientTests {
  /// `loss = Σ 3 · y`, where `y = x · x` if `c` holds, else a branch of other captures.
  private func gradients(
    _ condition: Bool, isKnown: Bool = false, otherwise: [Node]? = nil
  ) throws -> [String: [Double]] {
    func branch(_ nodes: [Node]) -> Graph {
      Graph(nodes: nodes, outputs: [ValueInfo(nodes[nodes.count - 1].outputs[0], nil)])
    }
    let node = Node(
      "If", name: "choice", inputs: ["c"], outputs: ["y"],
      attributes: [
        Attribute(
          "then_branch", .graph(branch([Node("Mul", inputs: ["x", "x"], outputs: ["p"])]))),
        Attribute(
          "else_branch",
          .graph(branch(otherwise ?? [Node("Mul", inputs: ["x", "w"], outputs: ["q"])]))),
      ])
    var graph = Graph(
      nodes: [
        node, Node("Mul", inputs: ["y", "three"], outputs: ["z"]),
        Node(
          "ReduceSum", inputs: ["z"], outputs: ["loss"],
          attributes: [Attribute("keepdims", .int(0))]
        ),
      ],
      inputs: ["x", "w"].map { ValueInfo($0, .tensor(.float64, [2])) },
      outputs: [ValueInfo("loss", nil)], initializers: [NamedTensor("three", Tensor(3.0 as Double))]
    )
    let flag = Tensor(condition)
    if isKnown {
      graph.initializers.append(NamedTensor("c", flag))
    } else {
      graph.inputs.append(ValueInfo("c", .tensor(flag.type)))
    }
    let sets = [OperatorSetImport(version: 20)]
    var differentiation = try Differentiation(Model(graph: graph, operatorSets: sets))
    let names = try differentiation.gradients(of: "loss", by: ["x", "w"])
    var full = differentiation.graph
    full.outputs = names.values.sorted().map { ValueInfo($0, nil) }
    var inputs = ["x": Tensor(shape: [2], [2.0, 5]), "w": Tensor(shape: [2], [7.0, -1])]
    if !isKnown { inputs["c"] = flag }
    let results = try Session(Model(graph: full, operatorSets: sets)).run(inputs)
    return try names.mapValues { try #require(results[$0]).array(as: Double.self) }
  }

  @Test func theGradientIsThatOfTheBranchThatIsTaken() throws {
    // d(3x²)/dx = 6x, and by w nothing; d(3xw)/dx = 3w, d(3xw)/dw = 3x.
    #expect(try gradients(true) == ["x": [12, 30], "w": [0, 0]])
    #expect(try gradients(false) == ["x": [21, -3], "w": [6, 15]])
  }

  @Test func aBranchThatCannotRunIsNeverTaken() throws {
    let unfit = [
      Node(
        "Concat", inputs: ["x", "three"], outputs: ["q"],
        attributes: [Attribute("axis", .int(0))])
    ]
    #expect(try gradients(true, isKnown: true, otherwise: unfit)["x"] == [12, 30])
  }

  @Test func anOperatorWithoutGradientInABranchIsAnError() throws {
    let missing = [
      Node(
        "Constant", inputs: [], outputs: ["shape"],
        attributes: [Attribute("value_ints", .ints([1, 2, 1]))]),
      Node("Reshape", inputs: ["x", "shape"], outputs: ["signal"]),
      Node("DFT", inputs: ["signal"], outputs: ["q"]),
    ]
    #expect(throws: ModelError.self) { try gradients(true, otherwise: missing) }
  }
}
