import Foundation
import ONNX
import Testing

/// A model truncated at any byte, or with any byte changed, runs or gives a one-line error.
@Suite struct DamagedModelTests {
  static let models = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    .appendingPathComponent("models")

  private func bytes(_ name: String) throws -> [UInt8] {
    [UInt8](try Data(contentsOf: Self.models.appendingPathComponent("\(name).onnx")))
  }

  /// Whether the model runs on zeros. If it does not, the error must be one line.
  private func runs(_ bytes: [UInt8]) -> Bool {
    var options = SessionOptions()
    options.memoryLimit = 64 << 20
    options.threads = 1
    do {
      let session = try Session(Model(serialized: bytes), options: options)
      var inputs: [String: Tensor] = [:]
      for input in session.inputs {
        guard let type = input.type?.tensorType else { return false }
        let sizes = (type.shape ?? []).map { $0.size ?? 5 }
        guard let count = sizes.elementCount, count < 1 << 20, type.elementType == .float32 else {
          return false
        }
        inputs[input.name] = floats(sizes, Array(repeating: 0, count: count))
      }
      _ = try session.run(inputs)
      return true
    } catch {
      #expect(!"\(error)".contains("\n"))
      #expect(!"\(error)".isEmpty)
      return false
    }
  }

  @Test(arguments: ["edges", "blur"])
  func anyByteMayChange(_ name: String) throws {
    let original = try bytes(name)
    #expect(runs(original))
    for index in original.indices {
      for value in [0, 0x7F, 0xFF, original[index] ^ 1, original[index] ^ 0x80] {
        var damaged = original
        damaged[index] = value
        _ = runs(damaged)
      }
    }
  }

  @Test(arguments: ["edges", "blur"])
  func aModelCutAnywhereIsAnError(_ name: String) throws {
    let original = try bytes(name)
    // The operator sets follow the graph in the file; without them, version 1 applies.
    for length in 0..<original.count { _ = runs(Array(original.prefix(length))) }
    #expect(!runs([]))
    #expect(!runs(Array(original.prefix(original.count / 2))))
  }
}
