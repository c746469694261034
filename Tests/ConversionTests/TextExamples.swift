import Foundation
import ONNX

/// The files of `Texts`, and a small model.
enum TextExamples {
  static func path(_ name: String) -> String {
    URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appending(path: "Texts").appending(path: name).path
  }

  static func bytes(_ name: String) throws -> [UInt8] {
    [UInt8](try Data(contentsOf: URL(fileURLWithPath: path(name))))
  }

  /// A model of one node without inputs.
  static func model(attributes: [Attribute]) -> Model {
    let node = Node("A", domain: "", inputs: [], outputs: ["y"], attributes: attributes)
    return Model(
      graph: Graph(name: "g", nodes: [node]),
      operatorSets: [OperatorSetImport(domain: "", version: 21)])
  }

  /// The same numbers in every run (SplitMix64).
  struct Random: RandomNumberGenerator {
    private var state: UInt64 = 1
    mutating func next() -> UInt64 {
      state &+= 0x9E37_79B9_7F4A_7C15
      var z = state
      z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
      z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
      return z ^ z >> 31
    }
  }
}
