import ONNX
import Testing
import ToolSupport

@Suite struct ForcedConvolutionTests {
  /// The standard's cases with a `Conv`, through each algorithm: `onnx-run test` judges by the
  /// largest number of a result.
  @Test(
    .enabled(if: isFolder(standardCases), "tools/test writes the standard's cases first"),
    arguments: ["exact", "winograd2", "winograd4", "winograd6"])
  func everyCaseWithAConvolutionPasses(algorithm: String) throws {
    let tool = try Tool("test", standardCases, "--convolution", algorithm, "--timeout", "300")
    #expect(tool.status == 0, "\(tool.output)\(tool.errors)")
    let passed = try #require(tool.lines.last?.split(separator: " ").first.flatMap { Int($0) })
    #expect(passed >= 15)
    print("Forced \(algorithm): \(tool.lines.last ?? "")")
  }

  /// A case that only the exact algorithm can pass shows that the others are really run.
  @Test func theAlgorithmIsTheOneThatWasAskedFor() throws {
    let folder = try Folder()
    _ = try folder.makeFolder("case/test_data_set_0")
    _ = try folder.makeFolder("relu/test_data_set_0")
    let sizes = (x: [1, 8, 12, 12], w: [8, 8, 3, 3])
    func values(_ shape: [Int]) -> [Float] {
      (0..<shape.reduce(1, *)).map { Float($0 &* 7919 % 1009) / 1009 - 0.5 }
    }
    let weights = Tensor(shape: sizes.w, values(sizes.w))
    var model = Model(
      [Node("Conv", inputs: ["x", "w"], outputs: ["y"])],
      inputs: [ValueInfo("x", .tensor(.float32, [1, 8, 12, 12]))],
      outputs: [ValueInfo("y", .tensor(.float32, [1, 8, 10, 10]))])
    model.graph.initializers = [NamedTensor("w", weights)]
    var options = SessionOptions()
    options.convolution = .exact
    let x = Tensor(shape: sizes.x, values(sizes.x))
    let y = try #require(try Session(model, options: options).run(["x": x])["y"])
    _ = try folder.write(model, to: "case/model.onnx")
    _ = try folder.write(.tensor(x), to: "case/test_data_set_0/input_0.pb")
    _ = try folder.write(.tensor(y), to: "case/test_data_set_0/output_0.pb")
    // A case without a convolution is left out, right or wrong.
    _ = try folder.write(.relu([2]), to: "relu/model.onnx")
    _ = try folder.write([2], [-1, 2] as [Float], to: "relu/test_data_set_0/input_0.pb")
    _ = try folder.write([2], [5, 5] as [Float], to: "relu/test_data_set_0/output_0.pb")

    func passes(_ algorithm: String, _ tolerance: String) throws -> Bool {
      let tool = try Tool(
        "test", folder.path, "--convolution", algorithm, "--tolerance", tolerance)
      #expect(["1 passed, 0 failed", "0 passed, 1 failed"].contains(tool.lines.last))
      return tool.status == 0
    }
    #expect(try passes("exact", "0"))
    #expect(try !passes("winograd2", "0"))
    #expect(try passes("winograd2", "1e-6"))
    #expect(try !passes("winograd4", "1e-7"))
    #expect(try passes("winograd4", "1e-5"))
    #expect(try !passes("winograd6", "1e-7"))
    #expect(try passes("winograd6", "2e-5"))
    try expectStop(["test", folder.path, "--convolution", "winograd3"], "winograd3")
    try expectStop(["test", folder.path, "--tolerance", "2"], "0 to 1")
  }
}
