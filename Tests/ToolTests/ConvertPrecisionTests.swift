import ONNX
import ONNXConversion
import Testing

@Suite struct ConvertPrecisionTests {
  private func convert(_ arguments: [String]) throws -> Tool {
    try Tool(arguments, path: Tool.path(of: "onnx-convert"))
  }

  /// Writes a model and returns its path.
  private func write(_ graph: Graph, in folder: Folder) throws -> String {
    let path = folder.path("model.onnx")
    try Model(graph: graph, operatorSets: [OperatorSetImport(version: 17)], irVersion: 8)
      .write(to: path)
    return path
  }

  /// A convolution behind a pool whose window is 3 by 2, on images of free sizes.
  private var pool: Graph {
    Graph(
      name: "pool",
      nodes: [
        Node(
          "AveragePool", inputs: ["x"], outputs: ["p"],
          attributes: [.ints("kernel_shape", [3, 2]), .ints("strides", [3, 2])]),
        Node("Conv", inputs: ["p", "w"], outputs: ["y"]),
      ], inputs: [ValueInfo("x", .tensor(.float32, ["N", 3, "H", "W"]))],
      outputs: [ValueInfo("y", .tensor(.float32, Shape(rank: 4)))],
      initializers: [
        NamedTensor("w", Tensor(shape: [4, 3, 1, 1], [Float](repeating: 0.5, count: 12)))
      ])
  }

  @Test(arguments: ["float16", "int8", "qdq"]) func freeSizesAreFoundByTrial(type: String) throws {
    let folder = try Folder()
    let tool = try convert([
      try write(pool, in: folder), folder.path("out.onnx"), "--to", type,
    ])
    #expect(tool.status == 0)
    #expect(tool.output.contains("outputs on noise"))
    #expect(!tool.output.contains("does not run"))
  }

  @Test func integerInputsAreFilledSensibly() throws {
    let slice = Graph(
      name: "slice",
      nodes: [Node("Slice", inputs: ["x", "s", "e", "a", "t"], outputs: ["y"])],
      inputs: [ValueInfo("x", .tensor(.float32, [4]))]
        + ["s", "e", "a", "t"].map { ValueInfo($0, .tensor(.int64, [1])) },
      outputs: [ValueInfo("y", .tensor(.float32, Shape(rank: 1)))], initializers: [])
    let folder = try Folder()
    let tool = try convert([
      try write(slice, in: folder), folder.path("out.onnx"), "--to", "float16",
    ])
    #expect(tool.status == 0)
    #expect(tool.output.contains("outputs on noise"))
  }

  /// A reshape to a size that no noise has.
  private var unrunnable: Graph {
    Graph(
      name: "unrunnable",
      nodes: [
        Node("Reshape", inputs: ["x", "size"], outputs: ["r"]),
        Node("MatMul", inputs: ["r", "w"], outputs: ["y"]),
      ], inputs: [ValueInfo("x", .tensor(.float32, ["N"]))],
      outputs: [ValueInfo("y", .tensor(.float32, Shape(rank: 2)))],
      initializers: [
        NamedTensor("size", Tensor(shape: [2], [11, 13] as [Int64])),
        NamedTensor("w", Tensor(shape: [13, 2], [Float](repeating: 0.5, count: 26))),
      ])
  }

  @Test func aModelThatDoesNotRunOnNoiseIsConvertedWithoutComparison() throws {
    let folder = try Folder()
    let path = try write(unrunnable, in: folder)
    for type in ["float16", "int8", "int4"] {
      let tool = try convert([path, folder.path("out.onnx"), "--to", type])
      #expect(tool.status == 0)
      #expect(tool.output.contains("--calibrate") && tool.output.contains("--set-dim"))
    }
    let tool = try convert([path, folder.path("qdq.onnx"), "--to", "qdq"])
    #expect(tool.status == 2)
    #expect(tool.errors.contains("--calibrate") && tool.errors.contains("--set-dim"))
    #expect(tool.errors.split(separator: "\n").count == 1)
  }

  @Test func theTrialCanBeSkipped() throws {
    let folder = try Folder()
    let tool = try convert([
      try write(pool, in: folder), folder.path("out.onnx"), "--to", "float16", "--no-trial",
    ])
    #expect(tool.status == 0)
    #expect(!tool.output.contains("noise"))
  }

  @Test func patternsThatMatchNothingAreErrors() throws {
    let folder = try Folder()
    let tool = try convert([
      try write(pool, in: folder), folder.path("out.onnx"), "--to", "float16", "--keep", "Cnov",
    ])
    #expect(tool.status == 2)
    #expect(tool.errors.contains("did you mean 'Conv'"))
  }

  @Test func textsWithControlCharactersAreReadBack() throws {
    let folder = try Folder()
    let graph = Graph(
      name: "g",
      nodes: [
        Node(
          "Constant", inputs: [], outputs: ["y"],
          attributes: [Attribute("value_strings", .strings([ByteString("x\0y\u{1}\u{7F}\r\n")]))])
      ], inputs: [], outputs: [ValueInfo("y", .tensor(.string, [1]))], initializers: [])
    let path = try write(graph, in: folder)
    let text = folder.path("model.onnxtxt")
    #expect(try convert([path, text]).status == 0)
    #expect(try convert([text, folder.path("back.onnx")]).status == 0)
    let back = try Model(contentsOf: folder.path("back.onnx"))
    guard case .strings(let strings)? = back.graph.nodes.first?.attribute("value_strings")?.value
    else {
      Issue.record("the strings are lost")
      return
    }
    #expect(strings.map(\.bytes) == [Array("x\0y\u{1}\u{7F}\r\n".utf8)])
  }

  @Test func trainingDataIsNotCalledTestData() throws {
    let folder = try Folder()
    let graph = Graph(
      name: "linear", nodes: [Node("Gemm", inputs: ["x", "w", "b"], outputs: ["y"])],
      inputs: [ValueInfo("x", .tensor(.float32, ["N", 2]))],
      outputs: [ValueInfo("y", .tensor(.float32, ["N", 2]))],
      initializers: [
        NamedTensor("w", Tensor(shape: [2, 2], [1, 0, 0, 1] as [Float])),
        NamedTensor("b", Tensor(shape: [2], [0, 0] as [Float])),
      ])
    let path = try write(graph, in: folder)
    let x = Tensor(shape: [8, 2], (0..<16).map { Float($0 % 3) })
    let y = Tensor(shape: [8], (0..<8).map { Int64($0 % 2) })
    let data = folder.path("data.npz")
    try NPZ.write([("x", x), ("y", y)], to: data)
    func tune(_ more: [String]) throws -> Tool {
      try Tool(
        [
          "tune", path, "--data", data, "--output", folder.path("o.onnx"), "--epochs", "1",
          "--batch", "4", "--plain",
        ] + more, path: Tool.path(of: "onnx-train"))
    }
    #expect(try tune([]).output.hasPrefix("training accuracy "))
    #expect(try tune(["--test-share", "0.25"]).output.hasPrefix("test accuracy "))
    #expect(try tune(["--test-share", "0.01"]).status == 2)
    let frozen = try tune(["--freeze", "feature*"])
    #expect(frozen.status == 2)
    #expect(frozen.errors.contains("'w'"))
  }
}
