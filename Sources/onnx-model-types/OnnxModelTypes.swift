import Glibc
import ONNXFormat

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// Writes the Swift type of a model: what the plugin ONNXModels calls.
@main
struct OnnxModelTypes {
  static func main() {
    do throws(GeneratorError) { try run(Array(CommandLine.arguments.dropFirst())) } catch {
      print("error: \(error)")
      exit(1)
    }
  }

  static let usage = "usage: onnx-model-types MODEL SOURCE ACCESS [RESOURCE]"

  /// Reads the model, and writes the source file and the resource.
  static func run(_ arguments: [String]) throws(GeneratorError) {
    guard (3...4).contains(arguments.count) else { throw GeneratorError(description: usage) }
    let (path, output, access) = (arguments[0], arguments[1], arguments[2])
    let resource = arguments.count > 3 ? arguments[3] : nil
    do {
      let model = try Model(contentsOf: path)
      let weights: ModelType.Weights
      if let resource {
        // One file, which also has the elements of external data.
        try model.write(to: resource)
        weights = .resource(fileName(resource))
      } else {
        weights = .embedded(Data(try model.serialized()).base64EncodedString())
      }
      let type = ModelType(of: model, file: fileName(path), access: access, weights: weights)
      try Data(type.source.utf8).write(to: URL(fileURLWithPath: output))
    } catch {
      throw GeneratorError(description: "\(error)")
    }
  }

  private static func fileName(_ path: String) -> String {
    path.split(separator: "/").last.map(String.init) ?? path
  }
}

/// An error in one line, which names the file.
struct GeneratorError: Error, CustomStringConvertible {
  let description: String
}
