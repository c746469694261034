import Foundation
import ONNX
@_exported import TestFiles
@testable import ONNXConversion

extension TemporaryFolder {
  /// Writes a file and returns its path.
  func write(_ bytes: [UInt8], _ name: String = "file") throws -> String {
    try write(bytes, to: name)
  }
}

/// The path of a file that `tools/generate/conversion_files.py` wrote.
func reference(_ name: String) -> String {
  URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .appendingPathComponent("Files").appendingPathComponent(name).path
}

func bytes(of path: String) throws -> [UInt8] {
  Array(try Data(contentsOf: URL(fileURLWithPath: path)))
}

extension Weights {
  /// All tensors by name.
  func tensors() throws -> [String: Tensor] {
    var tensors: [String: Tensor] = [:]
    for entry in entries { tensors[entry.name] = try entry.tensor() }
    return tensors
  }

  /// The error of reading a file and all its tensors; `nil` on success.
  static func refusal(_ path: String) -> String? {
    do {
      let weights = try Weights(contentsOf: path)
      for entry in weights.entries { _ = try entry.tensor() }
      return nil
    } catch {
      return "\(error)"
    }
  }
}
