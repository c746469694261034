import ONNX
import Testing

private func node(
  _ type: String, _ inputs: [String], _ outputs: [String], _ attributes: [Attribute] = []
) -> Node { Node(type, inputs: inputs, outputs: outputs, attributes: attributes) }

private func body(
  _ nodes: [Node], _ outputs: [String], inputs: [String] = [], _ initializers: [NamedTensor] = []
) -> Graph {
  Graph(
    name: "body", nodes: nodes, inputs: inputs.map { ValueInfo($0, nil) },
    outputs: outputs.map { ValueInfo($0, nil) }, initializers: initializers)
}

private func choice(
  _ condition: String, _ outputs: [String], then: Graph, otherwise: Graph
) -> Node {
  node("If", [condition], outputs, [.graph("then_branch", then), .graph("else_branch", otherwise)])
}

private func floats(_ values: Float...) -> Tensor { Tensor(shape: [values.count], values) }

private let vector = ValueType.tensor(.float32, [.symbol("N")])
private let flag = ValueType.tensor(.bool, [] as Shape)

private func session(
  _ nodes: [Node], _ inputs: [ValueInfo], _ outputs: [String],
  _ initializers: [NamedTensor] = [], passes: [any Pass] = Passes.standard
) throws -> Session {
  var options = SessionOptions()
  options.passes = passes
  let graph = Graph(
    name: "test", nodes: nodes, inputs: inputs, outputs: outputs.map { ValueInfo($0, nil) },
    initializers: initializers)
  return try Session(
    Model(graph: graph, operatorSets: [OperatorSetImport(version: 20)]), options: options)
}

/// Nodes that compute whether x has two elements.
private let hasTwo = [
  node("Shape", ["x"], ["sizes"]), node("Equal", ["sizes", "two"], ["isTwo"]),
]
private let two = NamedTensor("two", Tensor(shape: [1], [2 as Int64]))

@Suite struct BranchTests {
  @Test func planHoldsTheNodesOfABranchThatShapesDecide() throws {
    let model = try session(
      hasTwo + [
        choice(
          "isTwo", ["y", "z"],
          then: body([node("Neg", ["x"], ["a"]), node("Exp", ["a"], ["b"])], ["b", "b"]),
          otherwise: body(
            [node("Concat", ["x", "x"], ["a"], [.int("axis", 0)])], ["x", "a"]))
      ], [ValueInfo("x", vector)], ["y", "z"], [two])
    for _ in 0..<2 {
      var results = try model.run(["x": floats(0, 0)])
      #expect(results["y"] == floats(1, 1))
      #expect(results["z"] == floats(1, 1))
      results = try model.run(["x": floats(3)])
      #expect(results["y"] == floats(3))
      #expect(results["z"] == floats(3, 3))
    }
    let short = try model.describePlan(shapes: ["x": [2]]).steps.map(\.operatorType)
    #expect(!short.contains("If") && short.contains("Exp") && !short.contains("Concat"))
    let long = try model.describePlan(shapes: ["x": [3]]).steps.map(\.operatorType)
    #expect(long.contains("Concat") && !long.contains("Exp"))
  }

  @Test func planLeavesOutWhatOnlyTheOtherBranchNeeds() throws {
    let model = try session(
      [node("Sqrt", ["x"], ["root"])] + hasTwo + [
        choice(
          "isTwo", ["y"], then: body([node("Neg", ["x"], ["a"])], ["a"]),
          otherwise: body([node("Neg", ["root"], ["a"])], ["a"]))
      ], [ValueInfo("x", vector)], ["y"], [two])
    let steps = try model.describePlan(shapes: ["x": [2]]).steps.map(\.operatorType)
    #expect(!steps.contains("Sqrt"))
    #expect(try model.run(["x": floats(4, 9)])["y"] == floats(-4, -9))
    #expect(try model.run(["x": floats(4)])["y"] == floats(-2))
  }

  @Test func branchesWithinBranchesAreTaken() throws {
    let inner = choice(
      "isTwo", ["c"], then: body([node("Abs", ["v"], ["d"])], ["d"]),
      otherwise: body([], ["k"], [NamedTensor("k", floats(7))]))
    let model = try session(
      hasTwo + [
        choice(
          "isTwo", ["y"],
          then: body([node("Neg", ["x"], ["v"]), inner], ["c"]),
          otherwise: body([node("Floor", ["x"], ["v"]), inner], ["c"]))
      ], [ValueInfo("x", vector)], ["y"], [two])
    #expect(try model.run(["x": floats(1, 2)])["y"] == floats(1, 2))
    #expect(try model.run(["x": floats(1)])["y"] == floats(7))
  }

  /// Branches that read shapes of captured values, which are constant within a plan.
  @Test func branchesSeeTheShapesOfEachPlan() throws {
    let model = try session(
      [
        node("Shape", ["x"], ["sizes"]),
        choice(
          "c", ["y"],
          then: body(
            [
              node(
                "ConstantOfShape", ["sizes"], ["ones"], [.tensor("value", floats(1))]),
              node("Add", ["x", "ones"], ["a"]),
            ], ["a"]), otherwise: body([node("Neg", ["x"], ["a"])], ["a"])),
        node("Mul", ["y", "y"], ["z"]),
      ], [ValueInfo("x", vector), ValueInfo("c", flag)], ["z"])
    for _ in 0..<2 {
      for count in 1...3 {
        let x = Tensor(shape: [count], Array(repeating: 2 as Float, count: count))
        let nine = Tensor(shape: [count], Array(repeating: 9 as Float, count: count))
        let four = Tensor(shape: [count], Array(repeating: 4 as Float, count: count))
        #expect(try model.run(["x": x, "c": Tensor(true)])["z"] == nine)
        #expect(try model.run(["x": x, "c": Tensor(false)])["z"] == four)
      }
    }
  }

  @Test func passesChangeSubgraphs() throws {
    let weight = NamedTensor(
      "w", Tensor(shape: [3, 3], (0..<9).map { Float($0) - 4 }))
    let nodes = [
      choice(
        "c", ["y"],
        then: body(
          [
            node("Transpose", ["w"], ["t"]), node("MatMul", ["x", "t"], ["m"]),
            node("Relu", ["m"], ["r"]), node("Add", ["r", "r"], ["s"]),
            node("Neg", ["s"], ["n"]),
          ], ["n"]),
        otherwise: body([node("MatMul", ["x", "w"], ["m"])], ["m"]))
    ]
    let inputs = [
      ValueInfo("x", .tensor(.float32, [.symbol("N"), .size(3)])), ValueInfo("c", flag),
    ]
    let x = Tensor(shape: [2, 3], [1, 2, 3, -1, 0.5, 2] as [Float])
    let plain = try session(nodes, inputs, ["y"], [weight], passes: [])
    let optimized = try session(nodes, inputs, ["y"], [weight])
    for c in [true, false] {
      let expected = try plain.run(["x": x, "c": Tensor(c)])
      #expect(try optimized.run(["x": x, "c": Tensor(c)]) == expected)
    }
  }

  @Test func aBoundSessionRunsBranches() throws {
    let model = try session(
      [
        choice(
          "c", ["y"], then: body([node("Neg", ["x"], ["a"])], ["a"]),
          otherwise: body([], ["x"])),
        node("Abs", ["y"], ["z"]),
      ], [ValueInfo("x", vector), ValueInfo("c", flag)], ["y", "z"])
    let bound = try model.bind(inputs: ["x": floats(1, -2), "c": Tensor(true)])
    for c in [true, false, true] {
      try bound.withInput("c", as: Bool.self) { $0[0] = c }
      try bound.run()
      #expect(try bound.output("y") == (c ? floats(-1, 2) : floats(1, -2)))
      #expect(try bound.output("z") == floats(1, 2))
    }
  }

  @Test func carriedStateMayPassThroughABranch() throws {
    let model = try session(
      hasTwo + [
        choice(
          "isTwo", ["y"], then: body([], ["x"]),
          otherwise: body([node("Neg", ["x"], ["a"])], ["a"]))
      ], [ValueInfo("x", vector)], ["y"], [two])
    let state = CarriedState(["x": floats(1, 2)])
    for _ in 0..<3 {
      _ = try model.run([:], state: state, carried: ["x": "y"], seed: 0)
      #expect(state["x"] == floats(1, 2))
    }
  }
}
