import ONNXFormat

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

enum ClassList {
  /// The names under `classes` in the model's metadata, a JSON array of strings; none otherwise.
  static func names(in model: Model) -> [String] {
    guard let text = model.metadataValue("classes") else { return [] }
    return (try? JSONDecoder().decode([String].self, from: Data(text.utf8))) ?? []
  }
}
