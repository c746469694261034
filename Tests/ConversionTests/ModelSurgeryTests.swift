import ONNX
import ONNXConversion
import Testing

@Suite struct ModelSurgeryTests {
  @Test func partsAreExtracted() throws {
    let part = try dense.extracting(inputs: ["p"], outputs: ["r"])
    #expect(part.operatorNames == ["Relu"])
    #expect(part.graph.initializers.isEmpty)
    #expect(part.graph.inputs.map(\.type) == [.tensor(.float32, [2, 4])])
    let result = try Session(part).run(["p": noise([2, 4])])
    #expect(result["r"]?.shape == [2, 4])
    let head = try dense.extracting(inputs: [], outputs: ["p"])
    #expect(head.operatorNames == ["MatMul"])
    let tail = try dense.extracting(inputs: ["r"], outputs: [])
    #expect(tail.operatorNames == ["Add"])
  }

  @Test func missingPartsAreNamed() {
    #expect {
      try dense.extracting(inputs: ["p"], outputs: ["q"])
    } throws: {
      "\($0)".contains("no value 'q'")
    }
    #expect {
      try dense.extracting(inputs: ["b"], outputs: ["y"])
    } throws: {
      "\($0)" == "the outputs also depend on the input 'x'"
    }
  }

  @Test func valuesAreRenamedEverywhere() throws {
    let branch = Graph(
      name: "branch", nodes: [Node("Neg", inputs: ["r"], outputs: ["n"])],
      outputs: [ValueInfo("n", nil)])
    var model = dense
    model.graph.initializers.append(NamedTensor("c", Tensor(true)))
    model.graph.nodes[2] = Node(
      "If", inputs: ["c"], outputs: ["y"],
      attributes: [.graph("then_branch", branch), .graph("else_branch", branch)])
    let renamed = try model.renaming(["r": "hidden", "x": "input"])
    #expect(renamed.graph.inputs[0].name == "input")
    let outputs = try Session(renamed).run(["input": noise([2, 3])])
    #expect(outputs["y"] == (try Session(model).run(["x": noise([2, 3])])["y"]))
    #expect(throws: ConversionError.self) { try model.renaming(["none": "other"]) }
    #expect(throws: ConversionError.self) { try model.renaming(["r": "p"]) }
    #expect(throws: ConversionError.self) { try model.renaming(["r": "z", "p": "z"]) }
    let exchanged = try dense.renaming(["r": "p", "p": "r"])
    #expect(try run(exchanged, noise([2, 3])) == run(dense, noise([2, 3])))
  }

  @Test func dimensionsAreSet() throws {
    let free = try dense.setting(.axis(input: "x", 0), to: .symbol("N"))
    #expect(free.graph.outputs[0].type?.tensorType?.shape?.dimensions.last == .size(4))
    #expect(free.graph.outputs[0].type?.tensorType?.shape?[0].size == nil)
    #expect(try run(free, noise([5, 3])).count == 20)
    let fixed = try free.setting(.symbol("N"), to: 7)
    #expect(fixed.graph.outputs[0].type == .tensor(.float32, [7, 4]))
    #expect(DimensionChoice("x[1]") == .axis(input: "x", 1))
    #expect(DimensionChoice("N") == .symbol("N"))
    #expect(throws: ConversionError.self) { try dense.setting(.axis(input: "x", 1), to: 4) }
    #expect(throws: ConversionError.self) { try dense.setting(.symbol("M"), to: 4) }
  }

  @Test func simplifiedModelsComputeTheSameWithLess() throws {
    var model = model(
      13, [2, 3],
      [
        Node("Shape", inputs: ["x"], outputs: ["s"]),
        Node("Gather", inputs: ["s", "zero"], outputs: ["n"]),
        Node("Unsqueeze", inputs: ["n", "axes"], outputs: ["u"]),
        Node("Concat", inputs: ["u", "rest"], outputs: ["target"], attributes: [.int("axis", 0)]),
        Node("Reshape", inputs: ["x", "target"], outputs: ["flat"]),
        Node("Exp", inputs: ["flat"], outputs: ["unused"]),
        Node("Twice", domain: "own", inputs: ["flat"], outputs: ["y"]),
      ],
      constants: [
        NamedTensor("zero", Tensor(Int64(0))),
        NamedTensor("axes", Tensor(shape: [1], [0] as [Int64])),
        NamedTensor("rest", Tensor(shape: [2], [3, 1] as [Int64])),
      ])
    model.operatorSets.append(OperatorSetImport(domain: "own", version: 1))
    // The function imports an older operator set, in which the axes are an attribute.
    model.functions = [
      Function(
        "Twice", domain: "own", inputs: ["a"], outputs: ["b"],
        nodes: [
          Node("Squeeze", inputs: ["a"], outputs: ["c"], attributes: [.ints("axes", [2])]),
          Node("Add", inputs: ["c", "c"], outputs: ["b"]),
        ], operatorSets: [OperatorSetImport(version: 11)])
    ]
    let simple = try model.simplified()
    #expect(simple.operatorNames == ["Reshape", "Squeeze", "Add"])
    #expect(simple.functions.isEmpty)
    #expect(simple.operatorSets == [OperatorSetImport(version: 13)])
    let reread = try Model(serialized: simple.serialized())
    #expect(try run(reread, noise([2, 3])) == run(model, noise([2, 3])))
  }

  @Test func strippedModelsKeepWhatTheyCompute() throws {
    var model = dense
    model.docString = "a"
    model.producerName = "b"
    model.metadata = [MetadataEntry(key: "c", value: "d")]
    model.graph.nodes[0].docString = "e"
    model.graph.valueInfos = [ValueInfo("p", .tensor(.float32, [2, 4]))]
    let bare = model.stripped()
    #expect(try bare.serialized().count < model.serialized().count)
    #expect(bare.metadata.isEmpty && bare.graph.nodes[0].docString == nil)
    #expect(try run(bare, noise([2, 3])) == run(model, noise([2, 3])))
  }
}
