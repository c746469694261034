import Foundation
import ONNX
import Testing

@Suite struct CaseTests {
  let folder: Folder
  init() throws { folder = try Folder() }

  /// A case whose model gets `[-1, 2]` and must answer `expected`.
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
      #expect(Set(result.keys) == ["case", "passed", "seconds", "message"])
      let passed = try #require(result["passed"] as? Bool)
      #expect((result["message"] as? String == "") == passed)
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

  @Test func wantsAtLeastOneCase() throws {
    try expectStop(["test", folder.path], "no case")
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
      // The worker that still computes after a while is at the endless case.
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
    // 2 pictures of 6 maps of 28 x 28 from 5 x 5 windows, two operations a weight.
    let convolution = try #require(tool.lines.first { $0.contains("= Conv(image") })
    #expect(convolution.contains(" 470 k "))
  }
}
