import ONNX
import Testing

@testable import ONNXConversion

struct ShardTests {
  let folder: TemporaryFolder
  init() throws {
    folder = try TemporaryFolder()
    try Weights([
      .init("a", Tensor(shape: [2], [1, 2] as [Float])),
      .init("x", Tensor(shape: [], [3] as [Float])),
    ]).write(to: folder.path("1.safetensors"))
    try Weights([.init("b", Tensor(shape: [1], [4] as [Float]))]).write(to: folder.path("2.npz"))
  }

  private func refusal(_ index: String) throws -> String? {
    Weights.refusal(try folder.write(Array(index.utf8), "i.json"))
  }

  @Test func severalFilesAreOneTable() throws {
    let index = """
      {"metadata": {"total_size": 12, "other": [1.5, null, {"a": true}]},
       "weight_map": {"b": "2.npz", "a": "1.safetensors"}}
      """
    let weights = try Weights(contentsOf: folder.write(Array(index.utf8), "i.json"))
    #expect(weights.entries.map(\.name) == ["b", "a", "x"])
    #expect(try weights.tensors()["b"]?.array() == [4] as [Float])
  }

  @Test(arguments: ["../1.safetensors", "/etc/passwd", "..", "", "a/b", "i.json", "none"])
  func filesElsewhereAreRefused(name: String) throws {
    #expect(try refusal("{\"weight_map\": {\"a\": \"\(name)\"}}") != nil)
  }

  @Test func damagedIndices() throws {
    let cases = [
      ("{\"weight_map\": {\"b\": \"1.safetensors\"}}", "lacks tensor 'b'"),
      ("{\"weight_map\": {\"a\": \"2.npz\", \"a\": \"1.safetensors\"}}", "appears twice"),
      ("{\"weight_map\": {\"a\": \"2.n", "not terminated"), ("{\"weight_map\": {}}", "no tensors"),
      (
        "{\"weight_map\": {}, \"m\": " + String(repeating: "[", count: 100_000),
        "nested deeper than 32"
      ),
    ]
    for (index, says) in cases {
      let found = try refusal(index)
      #expect(found?.contains(says) == true, "\(index.prefix(50)): \(found ?? "read")")
    }
  }

  @Test func otherElementTypes() throws {
    let weights = Weights([
      .init("f", Tensor(shape: [2], [1.5, 1e6] as [Float])),
      .init("d", Tensor(shape: [1], [1e300] as [Double])),
      .init("i", Tensor(shape: [1], [5] as [Int64])),
      .init("k", Tensor(shape: [1], [0.1] as [Float])),
    ])
    let half = try weights.converted(to: .float16, keeping: NamePatterns(["k*"])).tensors()
    #expect(try half["f"]?.array() == [1.5, .infinity] as [Float16])
    #expect(half["i"]?.elementType == .int64 && half["k"]?.elementType == .float32)
    let single = try weights.converted(to: .float32).tensors()
    #expect(try single["d"]?.array() == [.infinity] as [Float])
  }
}
