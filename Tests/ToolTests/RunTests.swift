import Foundation
import ONNX
import Testing
import ToolSupport

@Suite struct RunTests {
  let folder: Folder
  let relu: String
  let x: String

  init() throws {
    folder = try Folder()
    relu = try folder.write(.relu())
    x = try folder.write([2, 2], [-1, 0, 2, 0.5] as [Float], to: "x.pb")
  }

  @Test func printsALineAnOutput() throws {
    let tool = try Tool(relu, "--input", "x=\(x)")
    #expect(tool.status == 0)
    #expect(tool.output == "y float32[2,2] 0 0.625 2\n")
    #expect(try Tool("run", relu, "--input", x).output == tool.output)
  }

  @Test func fillsMissingInputsAndSaysSo() throws {
    let tool = try Tool(relu, "--shape", "x=3x2")
    #expect(tool.status == 0)
    #expect(tool.output.hasPrefix("y float32[3,2] 0."))
    #expect(tool.errors.contains("input 'x' float32[3,2] is filled with random numbers, seed 0"))
    #expect(try Tool(relu, "--shape", "3x2").output == tool.output)
    #expect(try Tool(relu, "--shape", "x=3x2", "--seed", "1").output != tool.output)
    #expect(try Tool(relu).output.hasPrefix("y float32[1,2] "))
  }

  @Test func splitsOffANameOnlyIfItIsAnInputs() throws {
    let odd = try folder.write([2, 2], [3, 4, 3, 4] as [Float], to: "a=b.pb")
    #expect(try Tool(relu, "--input", odd).output == "y float32[2,2] 3 3.5 4\n")
    #expect(try Tool(relu, "--input", "x=\(odd)").output == "y float32[2,2] 3 3.5 4\n")
  }

  @Test func namesTheNearestInput() throws {
    let model = try folder.write(
      Model(
        [Node("Add", inputs: ["image", "tokens"], outputs: ["y"])],
        inputs: ["image", "tokens"].map { ValueInfo($0, .tensor(.float32, [1])) },
        outputs: [ValueInfo("y", .tensor(.float32, [1]))]))
    try expectStop([model, "--input", "imag=\(x)"], "no input 'imag', did you mean 'image'?")
    try expectStop([model, "--shape", "token=1"], "no input 'token', did you mean 'tokens'?")
    try expectStop([model, "--expect", "z=\(x)"], "no output 'z'")
  }

  @Test func writesOutputs() throws {
    let names = ["a/b", "a_b", "plain"]
    let model = try folder.write(
      Model(
        names.map { Node("Relu", inputs: ["x"], outputs: [$0]) },
        inputs: [ValueInfo("x", .tensor(.float32, [2, 2]))],
        outputs: names.map { ValueInfo($0, .tensor(.float32, [2, 2])) }))
    let expected = Tensor(shape: [2, 2], [0, 0, 2, 0.5] as [Float])
    let out = folder.path("deep/out")
    #expect(try Tool(model, "--input", x, "--output-dir", out).status == 0)
    for name in ["a_b", "a_b_2", "plain"] {
      #expect(try readValue("\(out)/\(name).npy", nil).tensor == expected)
    }
    #expect(
      try Tool(model, "--input", x, "--output-dir", out, "--output-format", "npz").status == 0)
    let archive = try readTensors(npz: "\(out)/outputs.npz")
    #expect(archive.map(\.name).sorted() == names)
    #expect(archive.allSatisfy { $0.tensor == expected })
    #expect(
      try Tool(model, "--input", x, "--output-dir", out, "--output-format", "pb").status == 0)
    for index in 0..<3 {
      #expect(try Value(contentsOf: "\(out)/output_\(index).pb").tensor == expected)
    }
    // The written file is both the input and the expected output.
    let again = try Tool(
      model, "--input", "x=\(out)/plain.npy", "--expect", "\(out)/outputs.npz", "--expect",
      "plain=\(out)/plain.npy")
    #expect(again.status == 0)
  }

  @Test func comparesWithWhatIsExpected() throws {
    let right = try folder.write([2, 2], [0, 0, 2.001, 0.5] as [Float], to: "right.pb")
    let wrong = try folder.write([2, 2], [0, 0, 2.1, 0.5] as [Float], to: "wrong.pb")
    #expect(try Tool(relu, "--input", x, "--expect", right).status == 0)
    #expect(try Tool(relu, "--input", x, "--expect", "y=\(right)", "--rtol", "1e-4").status == 1)
    let tool = try Tool(relu, "--input", x, "--expect", wrong)
    #expect(tool.status == 1)
    #expect(tool.errors.contains("first at [1, 0]: expected 2.0999999, got 2"))
    #expect(try Tool(relu, "--input", x, "--expect", wrong, "--atol", "0.2").status == 0)
    try expectStop([relu, "--input", x, "--expect", folder.path("none")], "No such file")
  }

  @Test func takesPictures() throws {
    let model = try folder.write(.relu([.symbol("N"), 1, .unknown, .unknown]))
    let digit = packageFile("models/digits/7.png")
    let tool = try Tool(model, "--input", "x=\(digit)")
    #expect(tool.status == 0)
    #expect(tool.output.hasPrefix("y float32[1,1,28,28] 0 0."))
    let small = try Tool(model, "--input", digit, "--shape", "x=1x1x7x5", "--draw")
    #expect(small.output.hasPrefix("y float32[1,1,7,5] 0 0."))
    #expect(small.errors.contains("@"))
    let shifted = try Tool(model, "--input", digit, "--mean", "-1", "--scale", "2")
    #expect(shifted.output.hasPrefix("y float32[1,1,28,28] 2 2."))
    try expectStop([relu, "--input", digit, "--mean", "a"], "--mean")
    let batch = try folder.write(.relu([2, 1, 28, 28]), to: "batch.onnx")
    try expectStop([batch, "--input", digit], "a single picture")
  }

  @Test func showsTheBestClasses() throws {
    let row = try folder.write([1, 2], [1, 3] as [Float], to: "row.pb")
    let labels = try folder.write("cat\ndog\n", to: "labels.txt")
    let tool = try Tool(relu, "--input", row, "--top", "1", "--labels", labels)
    #expect(tool.lines.count == 2)
    #expect(tool.lines.last?.hasPrefix("  dog  3  88.1 %  ###") == true)
    #expect(try Tool(relu, "--input", row, "--top", "0").lines.count == 1)
  }

  @Test func profiles() throws {
    let trace = folder.path("trace.json")
    let tool = try Tool(relu, "--input", x, "--profile", "--trace", trace)
    #expect(tool.status == 0)
    #expect(tool.output.contains("(Relu)"))
    let events = try JSONSerialization.jsonObject(
      with: Data(contentsOf: URL(fileURLWithPath: trace)))
    #expect((events as? [[String: Any]])?.first?["ph"] as? String == "X")
  }

  @Test func tellsWhatIsWrongWithAnInput() throws {
    let wide = try folder.write([2, 3], [Float](repeating: 0, count: 6), to: "wide.pb")
    try expectStop([relu, "--input", wide], "expected float32[N,2], got float32[2,3]")
    let text = try folder.write("not a tensor", to: "text.pb")
    try expectStop([relu, "--input", text], text)
    try expectStop([relu, "--input", folder.path], folder.path)
    try expectStop([relu, "--input", x, "--input", x], "have a value already")
    try expectStop([relu, "--input", "x=\(x)", "--input", "x=\(x)"], "more than once")
    try expectStop([relu, "--shape", "x=1x3"], "not [1,3]")
    try expectStop([relu, "--shape", "x=1x2", "--input", x], "has shape [2,2], not [1,2]")
  }

  @Test func endsLoopsThatDoNotEnd() throws {
    let model = try folder.write(.endless, to: "endless.onnx")
    try expectStop(
      [model, "--max-trips", "1000"], "(Loop): the loops of this run exceed the limit of 1000 trips"
    )
    try expectStop([model, "--time-limit", "0.2"], "deadline exceeded")
    try expectStop([model, "--max-trips", "-1"], "--max-trips: expected at least 0")
    try expectStop([model, "--time-limit", "0"], "--time-limit: expected more than 0")
  }

  @Test func keepsToTheMemoryLimit() throws {
    // Every iteration appends its index.
    var endless = Model.endless
    guard case .graph(var body)? = endless.graph.nodes[1].attributes.first?.value else { return }
    body.outputs.append(ValueInfo("trip", .tensor(.int64, [] as Shape)))
    endless.graph.nodes[1].attributes[0].value = .graph(body)
    endless.graph.nodes[1].outputs.append("trips")
    try expectStop(
      [folder.write(endless, to: "endless.onnx"), "--max-memory", "50000000"], "memory")
    try expectStop([relu, "--shape", "x=1000000000000x2"], "memory")
    try expectStop([relu, "--shape", "x=4611686018427387904x2"], "memory")
    try expectStop([relu, "--shape", "x=1000x2", "--max-memory", "4000"], "memory")
  }
}

@Suite struct UsageTests {
  @Test func helpIsNoError() throws {
    for arguments in [["--help"], ["run", "--help"], ["help", "test"], ["bench", "-h"]] {
      let tool = try Tool(arguments)
      #expect(tool.status == 0)
      #expect(tool.output.contains("EXAMPLES:"))
      #expect(tool.errors == "")
    }
    #expect(try !Tool("--help").output.contains("worker"))
  }

  @Test(arguments: [
    [], ["x.onnx", "--bogus"], ["x.onnx", "--threads"], ["x.onnx", "--threads", "many"],
    ["x.onnx", "--threads", "0"], ["x.onnx", "--rtol", "-1"], ["x.onnx", "extra"],
    ["x.onnx", "--output-format", "csv"], ["x.onnx", "--max-memory", "-5"], ["test"], ["bench"],
    ["inspect"], ["test", "x", "--timeout", "0"], ["bench", "x", "--seconds", "nan"],
  ]) func wrongArgumentsAreOneLineAndExitCode2(arguments: [String]) throws {
    try expectStop(arguments)
  }
}
