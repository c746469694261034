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
}
