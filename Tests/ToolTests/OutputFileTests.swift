import Foundation
import ONNX
import Testing

/// What the tools leave on the disk.
@Suite struct OutputFileTests {
  let folder: Folder
  init() throws { folder = try Folder() }

  private func convert(_ arguments: [String], meanwhile: (Process) throws -> Void = { _ in })
    throws -> Tool
  {
    try Tool(arguments, path: Tool.path(of: "onnx-convert"), meanwhile: meanwhile)
  }

  @Test func theInputIsKept() throws {
    let model = try folder.write(.relu())
    symlink("model.onnx", folder.path("symbolic.onnx"))
    link(model, folder.path("hard.onnx"))
    for other in ["model.onnx", "symbolic.onnx", "hard.onnx"] {
      let tool = try convert([model, folder.path(other)])
      #expect(tool.status == 2)
      #expect(tool.errors.contains("--force allows it"), "\(tool.errors)")
    }
    #expect(try convert(["--force", "--strip", model, model]).status == 0)
    #expect(try Tool(model).status == 0)
    let tune = try Tool(
      ["tune", model, "--data", model, "--output", folder.path("symbolic.onnx")],
      path: Tool.path(of: "onnx-train"))
    #expect(tune.status == 2)
    #expect(tune.errors.contains("--force allows it"), "\(tune.errors)")
    try expectStop([model, "--trace", model], "choose another name")
  }

  /// A model whose output is its weight, in a file of its own.
  private func write(_ weight: Float, to name: String) throws -> String {
    let count = 1 << 20
    var model = Model(
      [Node("Identity", inputs: ["w"], outputs: ["y"])], inputs: [],
      outputs: [ValueInfo("y", .tensor(.float32, [.size(count)]))])
    model.graph.initializers = [
      NamedTensor("w", Tensor(shape: [count], [Float](repeating: weight, count: count)))
    ]
    return try folder.write(model, to: name)
  }

  @Test func aKilledWriteLeavesTheOldModelOrTheNewOne() throws {
    let sources = [try write(1, to: "1.onnx"), try write(2, to: "2.onnx")]
    let target = folder.path("out.onnx")
    #expect(try convert([sources[0], target, "--external", "0"]).status == 0)
    for round in 0..<10 {
      _ = try convert([sources[round % 2], target, "--external", "0"]) { process in
        usleep(UInt32.random(in: 0..<60_000))
        kill(process.processIdentifier, SIGKILL)
      }
      let tensor = try Model(contentsOf: target).graph.initializers[0].tensor
      let weights = Set(try tensor.array(as: Float.self))
      #expect(weights == [1] || weights == [2])
    }
    // The next write clears what the killed ones have left.
    #expect(try convert([sources[1], target, "--external", "0"]).status == 0)
    #expect(folder.names.count == 4, "\(folder.names)")
  }

  @Test(arguments: ["o.onnx", "o.onnx --external 0", "o.npz", "o.json", "o.onnxtxt"])
  func aFileTooLargeForTheSystemIsAnError(target: String) throws {
    let model = try write(3, to: "3.onnx")
    let before = folder.names
    let tool = try Tool(
      [
        "-c", "ulimit -f 10; $0 \"$1\" \"$2\"/\(target)", Tool.path(of: "onnx-convert"), model,
        folder.path,
      ], path: "/bin/bash")
    #expect(tool.status == 2)
    #expect(tool.errors.contains("File too large"), "\(tool.errors)")
    #expect(folder.names == before)
  }

  @Test func aPictureThatDoesNotFitLeavesTheOldFile() throws {
    let trace = try folder.write("old", to: "trace.json")
    let model = try folder.write(.relu())
    let tool = try Tool(
      ["-c", "ulimit -f 0; $0 \"$1\" --trace \"$2\" >/dev/null", Tool.path, model, trace],
      path: "/bin/bash")
    #expect(tool.status == 2)
    #expect(try folder.bytes("trace.json") == Array("old".utf8))
    #expect(folder.names == ["model.onnx", "trace.json"])
  }

  @Test func hardLinksNeedAnOption() throws {
    let source = try write(1, to: "source.onnx")
    let model = folder.path("m.onnx")
    #expect(try convert([source, model, "--external", "0"]).status == 0)
    link(folder.path("m.onnx.data"), folder.path("other"))
    for command in ["run", "inspect"] {
      try expectStop([command, model], "--allow-hard-links")
      #expect(try Tool(command, model, "--allow-hard-links").status == 0)
    }
    #expect(try convert([model, folder.path("o.onnx")]).errors.contains("--allow-hard-links"))
    #expect(try convert(["--allow-hard-links", model, folder.path("o.onnx")]).status == 0)
  }

  @Test func namesMayContainAnEqualsSign() throws {
    var model = Model.relu()
    model.graph.inputs[0].name = "a=b"
    model.graph.nodes[0].inputs = ["a=b"]
    model.graph.outputs[0].name = "c=d"
    model.graph.nodes[0].outputs = ["c=d"]
    let path = try folder.write(model)
    let x = try folder.write([1, 2], [-1, 2] as [Float], to: "x.pb")
    let y = try folder.write([1, 2], [0, 2] as [Float], to: "y.pb")
    let tool = try Tool(
      path, "--input", "a=b=\(x)", "--expect", "c=d=\(y)", "--shape", "a=b=1x2")
    #expect(tool.status == 0, "\(tool.errors)")
  }

  @Test func longNamesAreCutInErrors() throws {
    let name = String(repeating: "n\u{1B}", count: 1 << 20)
    var models = [Model.relu(), Model.relu(), Model.relu()]
    models[0].graph.nodes[0].name = name
    models[0].graph.nodes[0].inputs = ["none"]
    models[1].graph.nodes[0].inputs = [name]
    models[2].graph.nodes[0].operatorType = name
    for model in models {
      let tool = try Tool(folder.write(model))
      #expect(tool.status == 2)
      #expect(tool.errors.utf8.count < 3000)
      #expect(tool.errors.contains("…"))
      #expect(!tool.errors.contains("\u{1B}"))
    }
  }

  @Test func inputsKeepToTheMemoryLimit() throws {
    let model = try folder.write(.relu())
    let zeros = Tensor(shape: [1 << 23, 2], [Float](repeating: 0, count: 1 << 24))
    let bomb = folder.path("bomb.npz")
    try NPZ.write([("x", zeros)], to: bomb, compressed: true)
    let plain = folder.path("plain.npy")
    try zeros.writeNPY(to: plain)
    for file in [bomb, plain, try folder.write(.tensor(zeros), to: "plain.pb")] {
      try expectStop([model, "--input", file, "--max-memory", "50000000"], "--max-memory")
    }
  }
}
