import ONNX
import ONNXConversion
import Testing

@Suite struct ModelOperatorSetTests {
  @Test func attributesBecomeInputsAndBack() throws {
    let old = model(
      6, [2, 3],
      [
        Node(
          "Clip", name: "clip", inputs: ["x"], outputs: ["y"],
          attributes: [.float("min", -0.5), .float("max", 0.25)])
      ])
    let x = noise([2, 3])
    let new = try old.converted(toOperatorSet: 21)
    #expect(new.standardVersion == 21)
    #expect(new.operatorNames == ["Constant", "Constant", "Clip"])
    #expect(try run(new, x) == run(old, x))
    let back = try new.converted(toOperatorSet: 6)
    #expect(back.operatorNames == ["Clip"])
    #expect(back.graph.nodes[0].attributes.count == 2)
    #expect(try run(back, x) == run(old, x))
  }

  @Test(arguments: [0, 1, 2])
  func softmaxOverSeveralDimensions(axis: Int) throws {
    let old = model(
      11, [2, 3, 4],
      [Node("Softmax", inputs: ["x"], outputs: ["y"], attributes: [.int("axis", axis)])])
    let x = noise([2, 3, 4])
    let new = try old.converted(toOperatorSet: 13)
    #expect(
      new.operatorNames == (axis == 2 ? ["Softmax"] : ["Shape", "Flatten", "Softmax", "Reshape"]))
    #expect(try run(new, x) == run(old, x))
  }

  @Test func operandsAreLaidByAttribute() throws {
    let bias = NamedTensor("b", noise([3, 1], seed: 1))
    let new = model(
      13, [2, 3, 4], [Node("Add", name: "sum", inputs: ["b", "x"], outputs: ["y"])],
      constants: [bias])
    let old = try new.converted(toOperatorSet: 6)
    let sum = try #require(old.graph.nodes.last)
    #expect(sum.attribute("broadcast") != nil)
    #expect(sum.inputs[0] == "x")
    let x = noise([2, 3, 4])
    #expect(try run(old, x) == run(new, x))
    #expect(try run(try old.converted(toOperatorSet: 13), x) == run(new, x))
  }

  @Test func replacedOperators() throws {
    let old = model(
      7, [1, 1, 2, 2],
      [
        Node(
          "Upsample", inputs: ["x"], outputs: ["y"],
          attributes: [.floats("scales", [1, 1, 2, 3]), .string("mode", "nearest")])
      ])
    let x = noise([1, 1, 2, 2])
    let new = try old.converted(toOperatorSet: 19)
    #expect(new.operatorNames.last == "Resize")
    #expect(try run(new, x) == run(old, x))
    let back = try new.converted(toOperatorSet: 1)
    #expect(back.operatorNames == ["Upsample"])
    #expect(back.graph.nodes[0].attribute("height_scale") != nil)
    #expect(try run(back, x) == run(old, x))
  }

  @Test func operatorsThatDidNotExist() throws {
    let new = model(
      20, [2, 3], [Node("Gelu", name: "gelu", inputs: ["x"], outputs: ["y"])])
    let x = noise([2, 3])
    let old = try new.converted(toOperatorSet: 13)
    #expect(old.operatorNames.contains("Erf"))
    for (a, b) in zip(try run(old, x), try run(new, x)) { #expect(abs(a - b) < 1e-6) }
  }

  @Test func subgraphsAndFunctions() throws {
    let branch = Graph(
      name: "branch",
      nodes: [
        Node("Squeeze", inputs: ["x"], outputs: ["inner"], attributes: [.ints("axes", [0])]),
        Node("Twice", domain: "own", inputs: ["inner"], outputs: ["result"]),
      ], outputs: [ValueInfo("result", .tensor(.float32, nil))])
    var old = model(
      11, [1, 3],
      [
        Node(
          "If", name: "if", inputs: ["condition"], outputs: ["y"],
          attributes: [.graph("then_branch", branch), .graph("else_branch", branch)])
      ], constants: [NamedTensor("condition", Tensor(true))])
    old.operatorSets.append(OperatorSetImport(domain: "own", version: 1))
    old.functions = [
      Function(
        "Twice", domain: "own", inputs: ["a"], outputs: ["b"],
        nodes: [
          Node("Unsqueeze", inputs: ["a"], outputs: ["c"], attributes: [.ints("axes", [0])]),
          Node("Add", inputs: ["c", "c"], outputs: ["b"]),
        ], operatorSets: [OperatorSetImport(version: 11)])
    ]
    let new = try old.converted(toOperatorSet: 21)
    #expect(new.functions[0].operatorSets[0].version == 21)
    #expect(new.functions[0].nodes.map(\.operatorType) == ["Constant", "Unsqueeze", "Add"])
    let x = noise([1, 3])
    #expect(try run(new, x) == run(old, x))
  }

  /// Two trees, one with a set of members, which becomes several nodes in older versions.
  @Test func treesGoDownAndUp() throws {
    let modes = Tensor(shape: [3], [0, 6, 4] as [UInt8])
    let node = Node(
      "TreeEnsemble", domain: "ai.onnx.ml", inputs: ["x"], outputs: ["y"],
      attributes: [
        .int("n_targets", 2), .int("aggregate_function", 1), .int("post_transform", 0),
        .ints("tree_roots", [0, 2]), .ints("nodes_featureids", [0, 1, 1]),
        .ints("nodes_truenodeids", [1, 0, 2]), .ints("nodes_falsenodeids", [1, 1, 3]),
        .ints("nodes_trueleafs", [0, 1, 1]), .ints("nodes_falseleafs", [1, 1, 1]),
        .tensor("nodes_modes", modes),
        .tensor("nodes_splits", Tensor(shape: [3], [0.5, 0, 2] as [Float])),
        .tensor("membership_values", Tensor(shape: [3], [1, 3, .nan] as [Float])),
        .ints("leaf_targetids", [0, 1, 0, 1]),
        .tensor("leaf_weights", Tensor(shape: [4], [1, 10, 100, 1000] as [Float])),
      ])
    var trees = model(17, [4, 2], [node])
    trees.operatorSets.append(OperatorSetImport(domain: "ai.onnx.ml", version: 5))
    let x = Tensor(shape: [4, 2], [0, 1, 0, 2, 0, 3, 1, 2] as [Float])
    let expected: [Float] = [1, 1000, 100, 10, 1, 1000, 100, 10]
    #expect(try run(trees, x) == expected)
    for version in [1, 3] {
      let old = try trees.converted(toOperatorSet: version, domain: "ai.onnx.ml")
      #expect(old.operatorNames == ["TreeEnsembleRegressor"])
      #expect(try run(old, x) == expected)
      let new = try old.converted(toOperatorSet: 5, domain: "ai.onnx.ml")
      #expect(new.operatorNames == ["TreeEnsemble"])
      #expect(try run(new, x) == expected)
    }
  }

  /// Shapes that follow from the input become constants where an old version needs them.
  @Test func constantsThatFollowHelp() throws {
    let padded = model(
      13, [2, 3],
      [
        Node("Shape", inputs: ["x"], outputs: ["shape"]),
        Node(
          "Concat", inputs: ["shape", "shape"], outputs: ["pads"], attributes: [.int("axis", 0)]),
        Node("Pad", inputs: ["x", "pads"], outputs: ["y"]),
      ])
    let old = try padded.converted(toOperatorSet: 9)
    #expect(old.operatorNames == ["Pad"])
    let x = noise([2, 3])
    #expect(try run(old, x) == run(padded, x))
  }

  @Test func refusalsNameTheNodeAndTheReason() {
    let dynamic = model(
      13, [3, 3], [Node("Det", name: "volume", inputs: ["x"], outputs: ["y"])])
    #expect {
      try dynamic.converted(toOperatorSet: 10)
    } throws: {
      "\($0)" == "node 'volume' (Det): not supported: Det came with operator set 11"
    }
    let wrapped = model(
      19, [2],
      [
        Node(
          "Pad", name: "pad", inputs: ["x", "pads"], outputs: ["y"],
          attributes: [.string("mode", "wrap")])
      ], constants: [NamedTensor("pads", Tensor(shape: [2], [1, 1] as [Int64]))])
    #expect {
      try wrapped.converted(toOperatorSet: 18)
    } throws: {
      "\($0)".hasPrefix("node 'pad' (Pad): attribute 'mode'")
    }
    #expect(throws: ModelError.self) { try wrapped.converted(toOperatorSet: 99) }
    #expect(throws: ModelError.self) { try wrapped.converted(toOperatorSet: 1, domain: "none") }
  }

  @Test func formatVersionFollows() throws {
    let relu = model(13, [1], [Node("Relu", inputs: ["x"], outputs: ["y"])])
    #expect(try relu.converted(toOperatorSet: 21).irVersion == 10)
    #expect(try relu.converted(toOperatorSet: 11).irVersion == 6)
  }

  @Test func otherDomains() throws {
    let graph = Graph(
      name: "labels",
      nodes: [
        Node(
          "LabelEncoder", domain: "ai.onnx.ml", inputs: ["x"], outputs: ["y"],
          attributes: [.strings("classes_strings", ["a", "b"])])
      ], inputs: [ValueInfo("x", .tensor(.string, [2]))],
      outputs: [ValueInfo("y", .tensor(.int64, [2]))])
    let old = Model(
      graph: graph,
      operatorSets: [
        OperatorSetImport(version: 13), OperatorSetImport(domain: "ai.onnx.ml", version: 1),
      ])
    let new = try old.converted(toOperatorSet: 4, domain: "ai.onnx.ml")
    let x = Tensor(shape: [2], ["b", "?"])
    let outputs = try Session(new).run(["x": x])
    #expect(outputs["y"] == (try Session(old).run(["x": x])["y"]))
    #expect(outputs["y"] == Tensor(shape: [2], [1, -1] as [Int64]))
  }
}
