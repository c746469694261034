import Foundation
import Testing

@Suite struct AllocationTests {
  @Test func aBoundRunAsksForNoMemory() throws {
    let counter = URL(fileURLWithPath: Tool.path).deletingLastPathComponent()
      .appendingPathComponent("allocations").path
    let tool = try Tool(path: counter, [packageFile("models/lenet5.onnx")])
    #expect(tool.status == 0, "\(tool.errors)")
    let counts = tool.lines.map { $0.split(separator: " ").map(String.init) }
    try #require(counts.allSatisfy { $0.count == 3 } && counts.first?.first == "array")
    // Not under a sanitizer, which has an allocator of its own.
    guard counts[0][2] != "0" else { return }
    #expect(Set(counts.map { $0[0] }).isSuperset(of: ["lenet5", "LSTM", "convolutions"]))
    #expect(counts.dropFirst().allSatisfy { $0[2] == "0" }, "\(tool.output)")
  }
}
