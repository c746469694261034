import Foundation
import ONNX
import ONNXConversion
import Testing

/// `onnx-run compare`, and the values inside a model.
struct ModelComparisonTests {
  let folder: Folder
  let lenet = packageFile("models/lenet5.onnx")
  let digit = packageFile("models/digits/7.png")

  init() throws { folder = try Folder() }

  /// `y = tanh(x · w + b)`
  private func model(
    _ names: (product: String, sum: String) = ("p", "s"), weight: Float = 2, bias: Float = 1
  ) -> Model {
    var model = Model(
      [
        Node("Mul", name: "product", inputs: ["x", "w"], outputs: [names.product]),
        Node("Add", name: "sum", inputs: [names.product, "b"], outputs: [names.sum]),
        Node("Tanh", name: "tanh", inputs: [names.sum], outputs: ["y"]),
      ],
      inputs: [ValueInfo("x", .tensor(.float32, [3]))],
      outputs: [ValueInfo("y", .tensor(.float32, [3]))])
    model.graph.initializers = [
      NamedTensor("w", Tensor(shape: [1], [weight])), NamedTensor("b", Tensor(shape: [1], [bias])),
    ]
    return model
  }

  private func object(_ tool: Tool) throws -> [String: Any] {
    let object = try JSONSerialization.jsonObject(with: Data(tool.output.utf8))
    return try #require(object as? [String: Any])
  }

  @Test func findsTheFirstNodeThatDiffers() throws {
    let a = try folder.write(model(), to: "a.onnx")
    let b = try folder.write(model(bias: 1.5), to: "b.onnx")
    #expect(try Tool("compare", a, a).status == 0)
    let tool = try Tool("compare", a, b)
    #expect(tool.status == 1)
    #expect(tool.output.contains("compared 3 values: 3 matched by name"))
    #expect(
      tool.output.contains("first beyond the tolerance: node 'sum' (Add), value 's'\n  3 of 3"))
    #expect(try Tool("compare", a, b, "--output", "p").status == 0)
    #expect(try Tool("compare", a, b, "--atol", "1").status == 0)
    let rows = try Tool("compare", a, b, "--bisect").lines
    #expect(rows.dropFirst(2).first?.hasPrefix("sum") == true)
  }

  @Test func outputsThatTheOtherModelLacksAreDifferences() throws {
    let a = try folder.write(model(), to: "a.onnx")
    // An output of the same name, but of another shape.
    var wide = model()
    wide.graph.nodes.append(
      Node("Concat", inputs: ["y", "y"], outputs: ["z"], attributes: [.int("axis", 0)]))
    wide.graph.nodes[2].outputs = ["narrow"]
    wide.graph.nodes[3].inputs = ["narrow", "narrow"]
    wide.graph.nodes[3].outputs = ["y"]
    wide.graph.outputs = [ValueInfo("y", .tensor(.float32, [6]))]
    let shapes = try Tool("compare", a, try folder.write(wide, to: "b.onnx"))
    #expect(shapes.status == 1)
    #expect(shapes.output.contains("value 'y'\n  expected"))
    // Two outputs against one.
    var both = model()
    both.graph.outputs.append(ValueInfo("s", .tensor(.float32, [3])))
    var other = model(("q", "r"))
    other.graph.nodes[1].operatorType = "Sub"
    let tool = try Tool(
      "compare", try folder.write(both, to: "c.onnx"), try folder.write(other, to: "d.onnx"),
      "--atol", "100")
    #expect(tool.status == 1)
    #expect(tool.output.contains("outputs of A without a counterpart: 's'"))
    #expect(!tool.output.contains("all within"))
  }

  @Test func matchesValuesByStructure() throws {
    let a = try folder.write(model(), to: "a.onnx")
    var other = model(("one", "two"))
    // What only changes the form of numbers does not count.
    other.graph.nodes[1].inputs[0] = "same"
    other.graph.nodes.insert(
      Node("Identity", inputs: ["one"], outputs: ["same"]), at: 1)
    let b = try folder.write(other, to: "b.onnx")
    let tool = try Tool("compare", a, b)
    #expect(tool.status == 0)
    #expect(tool.output.contains("1 matched by name, 2 by structure"))
    #expect(tool.output.contains("without a counterpart are 0 of A and 1 of B"))
  }

  @Test func comparesWithAQuantizedModel() throws {
    let quantized = folder.path("q.onnx")
    let convert = try Tool(
      ["--to", "qdq", lenet, quantized], path: Tool.path(of: "onnx-convert"))
    #expect(convert.status == 0)
    let tool = try Tool(
      "compare", lenet, quantized, "--input", digit, "--json", "--bisect", "--rtol", "2")
    let found = try object(tool)
    let values = try #require(found["values"] as? [[String: Any]])
    #expect(values.count == 12)
    let difference = try #require(values.last?["difference"] as? [String: Any])
    #expect((difference["rms"] as? Double ?? 0) > 0)
    #expect((found["jumps"] as? [[String: Any]])?.isEmpty == false)
  }

  @Test func comparesWithRecordedValues() throws {
    for format in ["npy", "npz"] {
      let out = folder.path(format)
      let run = try Tool(
        lenet, "--input", digit, "--output", "*", "--output-dir", out, "--output-format", format)
      #expect(run.status == 0)
      #expect(try Tool("compare", lenet, out, "--input", digit).status == 0)
      #expect(try Tool("compare", lenet, out).status == 1, "another input")
    }
    let tool = try Tool("compare", lenet, folder.path("npz/outputs.npz"), "--input", digit)
    #expect(tool.output.hasPrefix("compared 12 values\n"))
    try expectStop(["compare", lenet, folder.path], "found none")
  }

  @Test func saysWhereNaNComesFrom() throws {
    let a = try folder.write(model(), to: "a.onnx")
    let b = try folder.write(model(bias: .nan), to: "b.onnx")
    let tool = try Tool("compare", a, b)
    #expect(tool.status == 1)
    #expect(tool.output.contains("NaN in B comes from 'sum' (Add)\n"))
    let found = try object(try Tool("compare", a, b, "--json"))
    let rows = try #require(found["values"] as? [[String: Any]])
    #expect((rows[1]["difference"] as? [String: Any])?["nan"] as? Int == 3)
  }

  @Test func refusesWhatItCannotCompare() throws {
    let a = try folder.write(model(), to: "a.onnx")
    try expectStop(["compare", a], "expected a second model or values, or --peer")
    try expectStop(["compare", a, a, "--python", "python3"], "--python belongs to --peer")
    try expectStop(["compare", a, a, "--output", "pp"], "no value 'pp'; did you mean 'p'?")
    try expectStop(
      ["compare", a, "--peer", "onnxruntime", "--python", folder.path("none")],
      "--python names a Python")
    try expectStop(["compare", a, lenet], "\(lenet): ")
  }

  @Test func runsToInnerValues() throws {
    let a = try folder.write(model(), to: "a.onnx")
    let x = try folder.write([3], [0, 1, 2] as [Float], to: "x.pb")
    let tool = try Tool(a, "--input", x, "--output", "s", "--output", "p")
    #expect(tool.output == "p float32[3] 0 2 4\ns float32[3] 1 3 5\n")
    try expectStop([a, "--output", "sum"], "the model has no value 'sum'; did you mean 's'?")
  }

  @Test func writesJSON() throws {
    let a = try folder.write(model(bias: .infinity), to: "a.onnx")
    let x = try folder.write([3], [0, 1, 2] as [Float], to: "x.pb")
    let tool = try Tool(a, "--input", x, "--output", "*", "--values", "--json", "--profile")
    let found = try object(tool)
    let outputs = try #require(found["outputs"] as? [[String: Any]])
    #expect(outputs.map { $0["name"] as? String } == ["p", "s", "y"])
    #expect(outputs[0]["values"] as? [Double] == [0, 2, 4])
    #expect(outputs[1]["infinite"] as? Int == 3)
    #expect(outputs[1]["max"] is NSNull)
    #expect((found["nodes"] as? [[String: Any]])?.isEmpty == false)
    let digits = try object(try Tool(lenet, "--input", digit, "--json"))
    let logits = try #require((digits["outputs"] as? [[String: Any]])?.first)
    #expect((logits["classes"] as? [[String: Any]])?.first?["index"] as? Int == 7)
  }

  @Test func profilesTheNodesOfTheFile() throws {
    let tool = try Tool(lenet, "--input", digit, "--profile")
    #expect(tool.output.contains("  conv1.conv + 1.tanh (FusedConv)\n"))
    let sum = try #require(tool.lines.last?.split(separator: " ").compactMap { Double($0) })
    #expect(sum.count == 4)
    #expect(abs(sum[0] - sum[1] - sum[2] - sum[3]) < 0.01)
  }

  @Test func readsTexts() throws {
    let gru = packageFile("models/char_gru.onnx")
    let tool = try Tool(gru, "--text", "To be", "--top", "0")
    #expect(tool.status == 0)
    #expect(tool.output.hasPrefix("logits float32[1,5,65] "))
    try expectStop([gru, "--text", "€"], "no character '€'")
    try expectStop([lenet, "--text", "a"], "metadata 'vocabulary'")
  }

  @Test func printsTheDifferencesFromExpectedValues() throws {
    let a = try folder.write(model(), to: "a.onnx")
    let x = try folder.write([3], [0, 0, 0] as [Float], to: "x.pb")
    let p = try folder.write([3], [0, 0, 0.5] as [Float], to: "p.pb")
    let tool = try Tool(a, "--input", x, "--output", "p", "--expect", p)
    #expect(tool.status == 1)
    #expect(tool.errors.contains("largest difference 0.5, mean 0.167, relative 1"))
    try expectStop([a, "--expect", digit], "a picture can only be an input")
  }
}
