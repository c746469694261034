import Foundation
import Serving
import Synchronization

/// The language models of the folder, prepared when they are first used.
final class LanguageModels: Sendable {
  /// What the page knows of a model.
  struct Entry: Encodable, Sendable {
    let name: String
    let layers: [LanguageModel.Layer]
    let weights: Int
    let vocabulary: [String]
  }

  /// A text to begin with.
  struct Prompt: Encodable, Sendable {
    let name: String
    let text: String
  }

  /// The models and prompts that the page offers.
  struct Catalog: Encodable, Sendable {
    let models: [Entry]
    let prompts: [Prompt]
  }

  private static let limit = 8
  private let server: InferenceServer
  private let prepared = Mutex<[String: LanguageModel]>([:])

  init(_ server: InferenceServer) { self.server = server }

  /// A model, ready to write.
  /// - Throws: `ServingError` for a name that is not loaded, or of no language model
  func model(_ name: String) throws(ServingError) -> LanguageModel {
    let served = try server.repository.model(name)
    if let found = prepared.withLock({ $0[name] }), found.served === served { return found }
    let model = try LanguageModel(served, timeout: server.options.timeout)
    prepared.withLock { prepared in
      if prepared.count >= Self.limit { prepared.removeAll() }
      prepared[name] = model
    }
    return model
  }

  /// The first language models of the folder, and the texts of its subfolder `prompts`.
  func catalog() -> Catalog {
    var entries: [Entry] = []
    for name in server.repository.names where entries.count < Self.limit {
      guard let served = try? server.repository.model(name), LanguageModel.isCandidate(served),
        let model = try? self.model(name)
      else { continue }
      entries.append(
        Entry(
          name: name, layers: model.layers, weights: model.weights,
          vocabulary: model.generator.vocabulary.tokens))
    }
    return Catalog(models: entries, prompts: prompts())
  }

  /// Small text files. Links are not followed, since they may lead out of the folder.
  private func prompts() -> [Prompt] {
    let folder = server.options.folder + "/prompts"
    let manager = FileManager.default
    func attributes(_ path: String) -> [FileAttributeKey: Any] {
      (try? manager.attributesOfItem(atPath: path)) ?? [:]
    }
    guard attributes(folder)[.type] as? FileAttributeType == .typeDirectory,
      let files = try? manager.contentsOfDirectory(atPath: folder)
    else { return [] }
    return files.filter { $0.hasSuffix(".txt") }.sorted().prefix(20).compactMap { file in
      let path = "\(folder)/\(file)"
      let found = attributes(path)
      guard found[.type] as? FileAttributeType == .typeRegular,
        (found[.size] as? Int ?? .max) <= 4096,
        let text = try? String(contentsOfFile: path, encoding: .utf8)
      else { return nil }
      return Prompt(name: String(file.dropLast(4)), text: text)
    }
  }
}
