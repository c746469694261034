import ONNX
import Testing

@testable import ONNXConversion

struct BindingTests {
  let folder: TemporaryFolder
  init() throws { folder = try TemporaryFolder() }

  /// The largest difference from PyTorch's outputs, relative to the largest output.
  private func difference(_ model: Model, _ name: String) throws -> Float {
    let values = try Weights(contentsOf: reference("\(name).npz")).tensors()
    let session = try Session(model)
    let input = try #require(model.graph.inputs.first?.name)
    let output = try #require(model.graph.outputs.first?.name)
    let results = try session.run([input: try #require(values["input"])])
    let found = try #require(results[output]).array(as: Float.self)
    let wanted = try #require(values["output"]).array(as: Float.self)
    try #require(found.count == wanted.count)
    let largest = wanted.map(abs).max() ?? 0
    return (zip(found, wanted).map { abs($0 - $1) }.max() ?? 0) / largest
  }

  @Test(
    arguments: ["lstm", "gru", "rnn", "resnet", "attention"], ["torchscript", "dynamo"])
  func boundGraphsGiveWhatPyTorchGives(name: String, exporter: String) throws {
    let graph = try Model(contentsOf: reference("\(name)_\(exporter).onnx"))
    let weights = try Weights(contentsOf: reference("\(name).pt"))
    let (model, report) = try graph.bound(to: weights)
    try report.checkComplete()
    #expect(try difference(model, name) < 1e-5)
    #expect(try difference(graph, name) > 1e-2)
  }

  @Test func theReportSaysWhatWasDone() throws {
    let graph = try Model(contentsOf: reference("lstm_torchscript.onnx"))
    let report = try graph.bound(to: Weights(contentsOf: reference("lstm.pt"))).report
    #expect(report.rules == ["the weights' prefix 'model.' is ignored"])
    let stacked = report.rows.filter { $0.rule.contains("i f g o to i o f c") }
    #expect(stacked.count == 6)
    #expect(stacked.map(\.from.count).sorted() == [2, 2, 2, 2, 4, 4])
    #expect(report.rows.contains { $0.rule == "module 'fc', transposed" && $0.shape == [10, 3] })
  }

  @Test func whatIsLeftOverIsNamed() throws {
    let graph = try Model(contentsOf: reference("lstm_dynamo.onnx"))
    var weights = try Weights(contentsOf: reference("lstm.pt"))
    weights.entries.removeAll { $0.name == "model.fc.bias" }
    weights.entries.append(.init("model.other", Tensor(shape: [2], [1, 2] as [Float])))
    let report = try graph.bound(to: weights).report
    #expect(report.rows.filter { $0.state == .missing }.map(\.to) == ["fc.bias"])
    #expect(report.rows.filter { $0.state == .unused }.map(\.from) == [["model.other"]])
    let error = #expect(throws: ConversionError.self) { try report.checkComplete() }
    #expect(error?.description.contains("'fc.bias' [3]") == true)
    #expect(error?.description.contains("'model.other' [2]") == true)
  }

  @Test func aWeightOfAnotherShapeIsNamedWithBothShapes() throws {
    let graph = model(
      17, [2, 16],
      [
        Node(
          "Gemm", inputs: ["x", "fc.weight", "fc.bias"], outputs: ["y"],
          attributes: [.int("transB", 1)])
      ],
      constants: [
        NamedTensor("fc.weight", noise([5, 16])), NamedTensor("fc.bias", noise([5])),
      ])
    let weights = Weights([.init("fc.weight", noise([7, 16])), .init("fc.bias", noise([5]))])
    let report = try graph.bound(to: weights).report
    #expect(report.count(.mismatched) == 1)
    #expect(report.count(.missing) == 0 && report.count(.unused) == 0)
    let error = #expect(throws: ConversionError.self) { try report.checkComplete() }
    #expect(error?.description.contains("fc.weight: [7, 16] against [5, 16]") == true)
    // Also where nothing else matches.
    let alone = #expect(throws: ConversionError.self) {
      try graph.bound(to: Weights([.init("fc.weight", noise([7, 16]))]))
    }
    #expect(alone?.description.contains("[7, 16] against [5, 16]") == true)
  }

  @Test func nothingInCommonIsAnError() throws {
    let graph = try Model(contentsOf: reference("lstm_dynamo.onnx"))
    #expect(throws: ConversionError.self) {
      try graph.bound(to: Weights([.init("x", Tensor(shape: [1], [1] as [Float]))]))
    }
  }

  @Test func theResetGateMustStandWherePyTorchHasIt() throws {
    var graph = try Model(contentsOf: reference("gru_dynamo.onnx"))
    for index in graph.graph.nodes.indices {
      graph.graph.nodes[index].attributes.removeAll { $0.name == "linear_before_reset" }
    }
    let error = #expect(throws: ConversionError.self) {
      try graph.bound(to: Weights(contentsOf: reference("gru.pt")))
    }
    #expect(error?.description.contains("linear_before_reset") == true)
  }

  @Test func otherPrecisionsBecomeTheGraphs() throws {
    let graph = try Model(contentsOf: reference("resnet_torchscript.onnx"))
    var weights = try Weights(contentsOf: reference("resnet.pt"))
    weights.entries = try weights.entries.map { entry in
      guard entry.elementType == .float32 else { return entry }
      return Weights.Entry(entry.name, try entry.tensor().converted(to: .float64))
    }
    let model = try graph.bound(to: weights).model
    #expect(try difference(model, "resnet") < 1e-5)
  }

  @Test func whatIsExtractedFitsAgain() throws {
    let model = try Model(contentsOf: reference("attention_dynamo.onnx"))
    let path = folder.path("weights.npz")
    try Weights(of: model).write(to: path)
    let (again, report) = try model.bound(to: Weights(contentsOf: path))
    try report.checkComplete()
    #expect(report.count(.bound) == model.graph.initializers.count)
    #expect(
      again.graph.initializers.map(\.tensor) == model.graph.initializers.map(\.tensor))
  }
}
