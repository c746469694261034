import ONNX
import Testing

/// Time and memory grow linearly with the graph; nothing recurses over it.
@Suite struct SizeTests {
  @Test func aDeepChainRuns() throws {
    let session = try Session(Models.chain(20_000))
    let x = floats([1, 2], [-1, 1])
    #expect(try session.run(["x": x])["y"] == floats([1, 2], [0, 1]))
    // A chain of in-place steps needs one buffer.
    #expect(try session.bind(inputs: ["x": x]).arenaBytes <= 64)
  }

  @Test func aWideGraphRuns() throws {
    let count = 5_000
    let nodes = (0..<count).flatMap {
      [Models.relu("x", "a\($0)"), Models.relu("a\($0)", "b\($0)")]
    }
    let session = try Session(Models.model(nodes, outputs: (0..<count).map { "b\($0)" }))
    let results = try session.run(["x": floats([1, 2], [-1, 1])])
    #expect(results.count == count)
    #expect(results.values.allSatisfy { $0 == floats([1, 2], [0, 1]) })
  }

  @Test func nodesOfAGradientMayStandInAnyOrder() throws {
    let count = 3_000
    let chain = (0..<count).map { index in
      Node(
        "Neg", inputs: [index == 0 ? "x" : "v\(index)"],
        outputs: [index == count - 1 ? "z" : "v\(index + 1)"])
    }
    let gradient = Node(
      "Gradient", domain: "ai.onnx.preview.training", inputs: ["x"], outputs: ["y"],
      attributes: [
        Attribute("xs", .strings([ByteString("x")])), Attribute("y", .string(ByteString("z"))),
      ])
    var model = Models.model([gradient] + chain.reversed())
    model.operatorSets.append(OperatorSetImport(domain: "ai.onnx.preview.training", version: 1))
    var options = SessionOptions()
    options.expansions = [.gradients]
    let y = try Session(model, options: options).run(["x": floats([1, 2], [-1, 1])])["y"]
    #expect(y == floats([1, 2], [1, 1]))
  }

  @Test func aWeightOfManyFusedNodesIsNoTrouble() throws {
    let count = 5_000
    let nodes = (0..<count).flatMap { index in
      [
        Node("Conv", inputs: ["x", "w"], outputs: ["a\(index)"]),
        Models.relu("a\(index)", "b\(index)"),
      ]
    }
    let session = try Session(
      Models.model(
        nodes, inputs: [ValueInfo("x", .tensor(.float32, [1, 1, 2]))],
        outputs: (0..<count).map { "b\($0)" },
        initializers: [NamedTensor("w", floats([1, 1, 1], [2]))]))
    let results = try session.run(["x": floats([1, 1, 2], [-1, 1])])
    #expect(results.count == count)
    #expect(results.values.allSatisfy { $0 == floats([1, 1, 2], [0, 2]) })
  }
}
