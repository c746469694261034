import Foundation
import ONNX
import Testing

@Suite struct CaseTests {
  let folder: Folder
  init() throws { folder = try Folder() }

  /// A case with the input `[-1, 2]` and the output `expected`.
  private func write(_ name: String, _ model: Model = .relu([2]), expected: [Float]) throws {
    _ = try folder.makeFolder("\(name)/test_data_set_0")
    _ = try folder.write(model, to: "\(name)/model.onnx")
    _ = try folder.write([2], [-1, 2] as [Float], to: "\(name)/test_data_set_0/input_0.pb")
    _ = try folder.write(
      [expected.count], expected, to: "\(name)/test_data_set_0/output_0.pb")
  }

  @Test func countsWhatPassedAndFailed() throws {
    try write("good", expected: [0, 2])
    try write("deep/er/good", expected: [0, 2])
    try write("wrong", expected: [0, 2.5])
    try write("shape", expected: [0, 2, 0])
    try write("lenient", expected: [0, 2.5])
    _ = try folder.write("0 0.5\n", to: "lenient/tol")
    try write("broken", expected: [0, 2])
    _ = try folder.write("no model", to: "broken/model.onnx")
    _ = try folder.makeFolder("nothing/test_data_set_0")

    let json = folder.path("results.json")
    let tool = try Tool("test", folder.path, "--json", json)
    #expect(tool.status == 1)
    #expect(tool.lines.last == "3 passed, 3 failed")
    #expect(tool.lines.count == 4)
    #expect(tool.output.contains("first at [1]: expected 2.5, got 2"))

    let parsed = try JSONSerialization.jsonObject(
      with: Data(contentsOf: URL(fileURLWithPath: json)))
    let results = try #require(parsed as? [[String: Any]])
    #expect(results.count == 6)
    for result in results {
      #expect(Set(result.keys) == ["case", "runner", "passed", "judged", "seconds", "message"])
      #expect(result["runner"] as? String == "optimized")
      let passed = try #require(result["passed"] as? Bool)
      #expect((result["message"] as? String == "") == passed)
      #expect((result["judged"] as? String == "values") == passed)
      #expect(try #require(result["seconds"] as? Double) >= 0)
    }
    #expect(results.map { $0["case"] as? String }.contains(folder.path("deep/er/good")))
  }

  @Test func passesWhereAllDo() throws {
    try write("good", expected: [0, 2])
    let tool = try Tool("test", folder.path("good/"), folder.path)
    #expect(tool.status == 0)
    #expect(tool.output == "1 passed, 0 failed\n")
  }

  @Test func runsEveryCaseInSeveralWays() throws {
    try write("good", expected: [0, 2])
    try write("wrong", expected: [0, 2.5])
    // Correct with the declared shapes only.
    let stated = Model(
      [Node("Flatten", inputs: ["x"], outputs: ["y"], attributes: [.int("axis", 3)])],
      inputs: [ValueInfo("x", .tensor(.float32, [2]))],
      outputs: [ValueInfo("y", .tensor(.float32, [2, 1]))])
    try write("broken", stated, expected: [0, 2])
    let all = try Tool("test", folder.path, "--runner", "all")
    #expect(all.status == 1)
    #expect(
      all.lines.suffix(4)
        == ["plain", "optimized", "saved", "dynamic"].map { "\($0): 1 passed, 2 failed" })
    #expect(all.lines.count { $0.hasPrefix("FAILED") } == 8)
    #expect(all.output.contains("wrong (saved): test_data_set_0: output 'y': 1 of 2 elements"))
    let two = try Tool("test", folder.path("good"), "--runner", "saved", "--runner", "plain")
    #expect(two.lines == ["plain: 1 passed, 0 failed", "saved: 1 passed, 0 failed"])
    try expectStop(["test", folder.path, "--runner", "slow"], "got 'slow'")
  }

  /// A case in which the operator computes `y` from `x = [-1, 2]`.
  private func random(_ name: String, _ attributes: [Attribute] = [], inputs: [String]) -> Model {
    Model(
      [
        Node("Abs", inputs: ["x"], outputs: ["a"]),
        Node(name, inputs: inputs, outputs: ["r"], attributes: attributes),
        Node("Sqrt", inputs: ["r"], outputs: ["y"]),
      ], inputs: [ValueInfo("x", .tensor(.float32, [2]))], outputs: [ValueInfo("y", nil)])
  }

  @Test func judgesDrawsByTheirDistribution() throws {
    let uniform: [Attribute] = [.float("high", 9), .float("low", 4)]
    try write("uniform", random("RandomUniformLike", uniform, inputs: ["x"]), expected: [0, 0])
    try write(
      "seeded",
      random("RandomUniform", uniform + [.ints("shape", [2]), .float("seed", 1)], inputs: []),
      expected: [0, 0])
    let normal: [Attribute] = [.float("mean", 900)]
    try write("normal", random("RandomNormalLike", normal, inputs: ["a"]), expected: [0, 0])
    try write("shape", random("RandomUniformLike", uniform, inputs: ["x"]), expected: [0, 0, 0])
    // The square roots are NaN, which have no distribution.
    try write(
      "nan", random("RandomNormalLike", [.float("mean", -900)], inputs: ["a"]), expected: [0, 0])
    let tool = try Tool("test", folder.path)
    #expect(tool.status == 1)
    #expect(tool.lines.last == "0 passed, 3 judged by distribution, 2 failed")
    #expect(tool.lines.contains { $0 == "judged by distribution \(folder.path("normal"))" })
    #expect(tool.output.contains("shape: test_data_set_0: output 'y': expected float32[3]"))
    #expect(tool.output.contains("nan: test_data_set_0: output 'y': number 0: a NaN was drawn"))
  }

  @Test func judgesOtherDrawsByShape() throws {
    let model = Model(
      [
        Node("RandomUniformLike", inputs: ["x"], outputs: ["a"]),
        Node("RandomUniformLike", inputs: ["x"], outputs: ["b"]),
        Node("Mul", inputs: ["a", "b"], outputs: ["y"]),
      ], inputs: [ValueInfo("x", .tensor(.float32, [2]))], outputs: [ValueInfo("y", nil)])
    try write("good", model, expected: [0, 0])
    try write("shape", model, expected: [0, 0, 0])
    let tool = try Tool("test", folder.path, "--runner", "plain", "--runner", "dynamic")
    #expect(
      tool.lines.suffix(2)
        == ["plain", "dynamic"].map { "\($0): 0 passed, 1 judged by shape, 1 failed" })
  }

  @Test func changesCasesAtRandom() throws {
    try write("relu", expected: [0, 2])
    try write("endless", .endless, expected: [0, 0])
    let tool = try Tool("test", folder.path, "--mutate", "100", "--seed", "5", "--timeout", "20")
    #expect(tool.status == 0, "\(tool.output)")
    #expect(tool.lines.count == 1)
    let words = tool.output.split(separator: " ")
    #expect(words.first == "200")
    let (results, errors) = (try #require(Int(words[2])), try #require(Int(words[6])))
    #expect(results + errors == 200 && results > 20 && errors > 20)
    #expect(
      try Tool("test", folder.path, "--mutate", "100", "--seed", "5", "--timeout", "20").output
        == tool.output)
    try expectStop(["test", folder.path, "--mutate", "0"], "--mutate")
  }

  @Test func wantsAtLeastOneCase() throws {
    try expectStop(["test", folder.path], "found no case")
    try expectStop(["test", folder.path("none")], "No such file")
  }

  @Test func failsACaseThatTakesTooLong() throws {
    try write("a", expected: [0, 2])
    try write("endless", .endless, expected: [0, 0])
    _ = try folder.write([1], [0] as [Float], to: "endless/test_data_set_0/input_0.pb")
    try write("z", expected: [0, 2])
    let tool = try Tool("test", folder.path, "--timeout", "1")
    #expect(tool.status == 1)
    #expect(tool.lines.first?.contains("endless: timed out after 1 s") == true)
    #expect(tool.lines.last == "2 passed, 1 failed")
  }

  @Test func failsACaseWhoseProcessDies() throws {
    try write("a", expected: [0, 2])
    try write("endless", .endless, expected: [0, 0])
    _ = try folder.write([1], [0] as [Float], to: "endless/test_data_set_0/input_0.pb")
    try write("z", expected: [0, 2])
    let tool = try Tool(["test", folder.path, "--timeout", "30"]) { process in
      // The worker that is still busy after a while runs the endless case.
      Thread.sleep(forTimeInterval: 1)
      let id = process.processIdentifier
      let children = try String(
        contentsOfFile: "/proc/\(id)/task/\(id)/children", encoding: .utf8)
      for child in children.split(separator: " ").compactMap({ Int32($0) }) {
        kill(child, SIGSEGV)
      }
    }
    #expect(tool.status == 1)
    #expect(tool.lines.first?.contains("endless: crashed, signal 11") == true)
    #expect(tool.lines.last == "2 passed, 1 failed")
  }
}

@Suite struct BenchTests {
  @Test func measuresEachModelInItsOwnProcess() throws {
    let folder = try Folder()
    let model = try folder.write(.relu())
    let tool = try Tool(
      "bench", model, folder.path("none.onnx"), model, "--json", "--seconds", "0.05",
      "--threads", "1", "--shape", "x=10x2")
    #expect(tool.status == 2)
    #expect(tool.errors.contains("none.onnx"))
    #expect(tool.lines.count == 2)
    for line in tool.lines {
      let object = try JSONSerialization.jsonObject(with: Data(line.utf8))
      let fields = try #require(object as? [String: Any])
      #expect(
        Set(fields.keys) == [
          "model", "threads", "load_ms", "first_ms", "median_ms", "min_ms", "p99_ms", "runs",
          "arena_bytes", "peak_rss_bytes",
        ])
      #expect(fields["model"] as? String == model)
      #expect(fields["threads"] as? Int == 1)
      let number = { (key: String) in fields[key] as? Double ?? -1 }
      #expect(number("load_ms") > 0)
      #expect(number("min_ms") <= number("median_ms"))
      #expect(number("median_ms") <= number("p99_ms"))
      #expect(number("runs") >= 3)
      #expect(number("peak_rss_bytes") > 1e6)
    }
  }

  @Test func printsATableForPeople() throws {
    let folder = try Folder()
    let tool = try Tool("bench", folder.write(.relu()), "--seconds", "0.05")
    #expect(tool.status == 0)
    #expect(tool.lines.count == 2)
    #expect(tool.lines[0].hasPrefix("model"))
  }

  @Test func takesInputsFromFiles() throws {
    let folder = try Folder()
    let model = try folder.write(.relu())
    let fits = try folder.write([3, 2], [1, 2, 3, 4, 5, 6] as [Float], to: "fits.npy")
    let wide = try folder.write([1, 3], [1, 2, 3] as [Float], to: "wide.npy")
    #expect(try Tool("bench", model, "--input", "x=\(fits)", "--seconds", "0.05").status == 0)
    try expectStop(["bench", model, "--input", "x=\(wide)", "--seconds", "0.05"], "'x'")
    try expectStop(["bench", model, "--input", "z=\(fits)", "--seconds", "0.05"], "no input 'z'")
  }

  @Test func measuresTheMachine() throws {
    let tool = try Tool(
      "machine", "--threads", "1", "2", "--bytes", "1", "100000", "--seconds", "0.001")
    #expect(tool.status == 0)
    #expect(tool.lines.count == 2)
    for (threads, line) in zip(1...2, tool.lines) {
      let object = try JSONSerialization.jsonObject(with: Data(line.utf8))
      let fields = try #require(object as? [String: Any])
      #expect(fields["threads"] as? Int == threads)
      #expect(fields["flops"] as? Double ?? 0 > 1e8)
      let reads = try #require(fields["read"] as? [[String: Any]])
      #expect(reads.compactMap { $0["bytes"] as? Int } == [1, 100_000])
      #expect(reads.allSatisfy { $0["rate"] as? Double ?? 0 > 1e7 })
    }
    try expectStop(["machine", "--threads", "0"], "1 to 64 threads")
  }
}

@Suite struct InspectTests {
  @Test func showsInputsOutputsAndOperations() throws {
    let tool = try Tool("inspect", packageFile("models/lenet5.onnx"), "--shape", "image=2x1x28x28")
    #expect(tool.status == 0)
    for text in [
      "opset       ai.onnx 20", "input       image float32[N,1,28,28]",
      "output      logits float32[N,10]", "parameters  61706 in 10 tensors", "nodes       12",
      ": float32[2,6,28,28] = Conv(image, conv1.weight, conv1.bias)",
    ] {
      #expect(tool.output.contains(text), "\(tool.output)")
    }
    // 2 images, 6 maps of 28 x 28, 5 x 5 windows, two operations per weight.
    let convolution = try #require(tool.lines.first { $0.contains("= Conv(image") })
    #expect(convolution.contains(" 470 k "))
  }

  @Test func notesOperatorsThatTheStandardDoesNotHaveYet() throws {
    let folder = try Folder()
    var model = Model.relu()
    model.graph.nodes[0].operatorType = "ThresholdedRelu"
    model.operatorSets = [OperatorSetImport(version: 8)]
    let tool = try Tool("inspect", try folder.write(model))
    #expect(tool.status == 0)
    let note = tool.lines.first { $0.hasPrefix("note ") }
    #expect(note?.contains("1 × ThresholdedRelu, which opset 8 does not have") == true)
    #expect(note?.hasSuffix("run as in opset 10") == true)
  }
}
