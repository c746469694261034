import Foundation
import ONNX
import Testing

/// Pipes, devices, standard input and output in the place of files.
@Suite struct StreamTests {
  let folder: Folder
  let relu: String
  init() throws {
    folder = try Folder()
    relu = try folder.write(.relu(), to: "relu.onnx")
  }

  /// Runs a command of the shell, in which `$T` stands for the folder of the tools and `$D` for that of
  /// the test's files.
  private func shell(_ command: String) throws -> Tool {
    let tools = Tool.path(of: "onnx-run").dropLast("/onnx-run".count)
    return try Tool(
      ["-c", "T=$1; D=$2; " + command, "sh", String(tools), folder.path], path: "/bin/bash")
  }

  @Test(arguments: [
    "onnx-run $D/pipe", "onnx-run inspect $D/pipe", "onnx-run $D/relu.onnx --input $D/pipe",
    "onnx-run $D/relu.onnx --expect $D/pipe", "onnx-run $D/relu.onnx --labels $D/pipe",
    "onnx-run $D/relu.onnx --input /dev/zero", "onnx-convert $D/pipe $D/o.onnx",
    "onnx-convert $D/relu.onnx $D/pipe", "onnx-train tune $D/pipe --data $D --output $D/o.onnx",
    "onnx-train tune $D/relu.onnx --data $D/pictures --output $D/o.onnx",
    "onnx-train new lenet5 --data $D/pictures --output $D/o.onnx",
    "onnx-train new char-rnn --data $D/pipe --output $D/o.onnx",
  ])
  func aNamedPipeIsAnError(command: String) throws {
    for name in ["pictures/a", "pictures/b"] {
      mkfifo("\(try folder.makeFolder(name))/1.png", 0o600)
    }
    mkfifo(folder.path("pipe"), 0o600)
    let tool = try shell("timeout 60 $T/" + command)
    #expect(tool.status == 2, "\(tool.errors)")
    #expect(tool.errors.split(separator: "\n").count == 1, "\(tool.errors)")
  }

  @Test func aModelAndItsInputsComeThroughConnectedPipes() throws {
    _ = try folder.write([1, 2], [-1, 2] as [Float], to: "x.pb")
    for command in [
      "cat $D/relu.onnx | $T/onnx-run - --input $D/x.pb",
      "$T/onnx-run /dev/stdin --input $D/x.pb < $D/relu.onnx",
      "$T/onnx-run <(cat $D/relu.onnx) --input x=<(cat $D/x.pb)",
      "cat $D/x.pb | $T/onnx-run $D/relu.onnx --input -",
      "cat $D/relu.onnx | $T/onnx-convert - $D/o.onnx && $T/onnx-run $D/o.onnx --input $D/x.pb",
    ] {
      let tool = try shell(command)
      #expect(tool.status == 0, "\(tool.errors)")
      #expect(tool.output.hasPrefix("y float32[1,2] 0 1 2\n"), "\(command): \(tool.output)")
    }
    let empty = try shell("$T/onnx-run - < /dev/null")
    #expect(empty.status == 2)
    #expect(empty.errors.contains("standard input"))
  }

  @Test(arguments: [
    "onnx-run $D/relu.onnx", "onnx-run inspect $D/relu.onnx", "onnx-run --help",
    "onnx-run operators", "onnx-run machine", "onnx-convert --simplify $D/relu.onnx $D/o.onnx",
    "onnx-run bench --seconds 0.01 $D/relu.onnx",
  ])
  func resultsThatAreLostAreAnError(command: String) throws {
    for (redirection, problem) in [
      (">/dev/full", "standard output: No space left"), (">&-", "standard output: Bad file"),
    ] {
      let tool = try shell("$T/\(command) \(redirection)")
      #expect(tool.status == 2, "\(command) \(redirection)")
      #expect(tool.errors.contains(problem), "\(command) \(redirection): \(tool.errors)")
    }
    // The reader of a pipe has what it wanted.
    let piped = try shell("$T/\(command) 2>$D/errors | head -c 1 >/dev/null; echo ${PIPESTATUS[0]}")
    #expect(piped.output == "0\n")
  }

  @Test func aClosedOutputIsNotReplacedByAFile() throws {
    let tool = try shell("$T/onnx-run $D/relu.onnx --output-dir $D/out >&- 2>&-; echo $?")
    #expect(tool.output == "2\n")
    #expect(try Tensor(npyContentsOf: folder.path("out/y.npy")).shape == [1, 2])
  }

  @Test func trainingEndsOnASignal() throws {
    try NPZ.write(
      [
        ("x", Tensor(shape: [64, 2], [Float](repeating: 1, count: 128))),
        ("y", Tensor(shape: [64, 2], [Float](repeating: 1, count: 128))),
      ],
      to: folder.path("data.npz"))
    var model = Model.relu()
    model.graph.nodes.insert(Node("Mul", inputs: ["x", "w"], outputs: ["v"]), at: 0)
    model.graph.nodes[1].inputs = ["v"]
    model.graph.initializers = [NamedTensor("w", Tensor(shape: [2], [1, 1] as [Float]))]
    let path = try folder.write(model, to: "train.onnx")
    let start = Date()
    let tool = try Tool(
      [
        "tune", path, "--data", folder.path("data.npz"), "--output", folder.path("o.onnx"),
        "--loss", "mse", "--epochs", "100000000",
      ], path: Tool.path(of: "onnx-train")
    ) { process in
      Thread.sleep(forTimeInterval: 2)
      process.terminate()
    }
    // A test's processes inherit blocked signals. The signal may come before training begins; it then ends the process at once.
    #expect(tool.status == 130 || tool.status == -1, "\(tool.errors)")
    #expect(Date().timeIntervalSince(start) < 60)
  }
}
