import Dispatch
import ONNX
import Synchronization

/// The models of a folder, kept up to date with it.
///
/// A file that changes is read beside the model that it replaces, which goes on until then. One that
/// cannot be read leaves the model as it was, and is listed with the reason.
public final class ModelRepository: Sendable {
  private let options: ServerOptions
  private let folder: ModelFolder
  private let state = Mutex(State())
  /// Reads models, one at a time, off the threads of tasks.
  private let queue = DispatchQueue(label: "onnx-serve.models")

  private struct State {
    var models: [String: [Int: Entry]] = [:]
    /// The names of models that are not loaded until somebody asks for it.
    var unloaded: Set<String> = []
    /// Whether the folder could not be listed.
    var isLost = false

    var loadedCount: Int {
      models.values.reduce(0) { count, versions in
        count + versions.values.count { $0.model != nil }
      }
    }
  }

  /// A version of a model, loaded or not.
  private struct Entry {
    var model: ServedModel?
    var stamps: [ModelFolder.Stamp] = []
    /// The reason why the file is not what is loaded.
    var problem: String?
  }

  /// Reads the models of the folder. One that cannot be read does not keep others from it.
  /// - Throws: `ServingError` if the folder cannot be listed
  public init(_ options: ServerOptions) throws {
    self.options = options
    folder = ModelFolder(path: options.folder)
    let files = try folder.files()
    _ = queue.sync { update(files) }
  }

  /// The names of the models that are loaded, in order.
  public var names: [String] {
    state.withLock { state in
      state.models.filter { $0.value.contains { $0.value.model != nil } }.keys.sorted()
    }
  }

  /// A loaded model.
  /// - Parameter version: the newest for `nil`
  /// - Throws: `ServingError` with status 404 for a model that is not loaded
  public func model(_ name: String, version: String? = nil) throws(ServingError) -> ServedModel {
    let versions = state.withLock { $0.models[name] } ?? [:]
    let found: ServedModel? =
      if let version {
        versions.values.lazy.compactMap(\.model).first { $0.version == version }
      } else {
        versions.filter { $0.value.model != nil }.max { $0.key < $1.key }?.value.model
      }
    guard let found else {
      throw ServingError(
        .notFound,
        "no model \(quoted(name)) \(version.map { "of version \(quoted($0)) " } ?? "")is loaded")
    }
    return found
  }

  /// The versions of a model that are loaded, the oldest first.
  public func versions(of name: String) -> [String] {
    state.withLock { $0.models[name] ?? [:] }.sorted { $0.key < $1.key }
      .compactMap(\.value.model?.version)
  }

  /// All versions of all models in the folder.
  public var index: [IndexEntry] {
    let models = state.withLock(\.models)
    return models.sorted { $0.key < $1.key }.flatMap { name, versions in
      versions.sorted { $0.key < $1.key }.map { version, entry in
        IndexEntry(
          name: name, version: "\(version)", state: entry.model == nil ? "UNAVAILABLE" : "READY",
          reason: entry.problem ?? "")
      }
    }
  }

  /// A version of a model in the folder, as `POST /v2/repository/index` lists it.
  public struct IndexEntry: Sendable, Encodable {
    /// The name of the model.
    public let name: String
    /// The version.
    public let version: String
    /// `READY` or `UNAVAILABLE`.
    public let state: String
    /// The reason why the version is not available, or why its file is newer than what is loaded; empty
    /// if there is none.
    public let reason: String
  }

  /// A change of the folder, in a sentence.
  struct Change: Sendable, CustomStringConvertible {
    let description: String
    /// Whether something is not as the folder would have it.
    var isProblem = false
  }

  /// Looks for changes in the folder, and makes them. That the folder cannot be listed is told once.
  func refresh() async -> [Change] {
    await onQueue { [self] in
      do {
        let files = try folder.files()
        state.withLock { $0.isLost = false }
        return update(files)
      } catch {
        let isKnown = state.withLock { state in
          defer { state.isLost = true }
          return state.isLost
        }
        return isKnown ? [] : [Change(description: "\(error)", isProblem: true)]
      }
    }
  }

  /// Loads a model that was unloaded, or whose file has changed since.
  /// - Throws: `ServingError` for one that is not in the folder, or cannot be read
  public func load(_ name: String) async throws {
    try await onQueue { [self] () -> Result<Void, any Error> in
      Result {
        let files = try folder.files()
        guard let versions = files[name] else {
          throw ServingError(.notFound, "the folder has no model \(quoted(name))")
        }
        state.withLock { _ = $0.unloaded.remove(name) }
        _ = update([name: versions], retrying: name)
        let entries = state.withLock { $0.models[name] ?? [:] }.sorted { $0.key > $1.key }
        if let (version, entry) = entries.first, let problem = entry.problem {
          throw ServingError(
            .badRequest, "version \(version) of \(quoted(name)) cannot be loaded: \(problem)")
        }
      }
    }.get()
  }

  /// Unloads a model. It stays so until somebody loads it, whatever happens to its file.
  /// - Throws: `ServingError` for one that is not in the folder
  public func unload(_ name: String) async throws {
    try await onQueue { [self] () -> Result<Void, any Error> in
      Result {
        try state.withLock { state in
          guard let versions = state.models[name] else {
            throw ServingError(.notFound, "the folder has no model \(quoted(name))")
          }
          state.unloaded.insert(name)
          state.models[name] = versions.mapValues { _ in Self.unloaded }
        }
      }
    }.get()
  }

  private static let unloaded = Entry(problem: "the model was unloaded")

  private func onQueue<R: Sendable>(_ work: @escaping @Sendable () -> R) async -> R {
    await withCheckedContinuation { continuation in
      queue.async { continuation.resume(returning: work()) }
    }
  }

  /// Makes the models those of the files. Runs on `queue`.
  /// - Parameter retrying: the only model that the files are of; it is loaded even where an attempt
  ///   with the same file has failed
  private func update(_ files: [String: [Int: ModelFolder.File]], retrying: String? = nil)
    -> [Change]
  {
    var changes: [Change] = []
    let before = state.withLock(\.models)
    for (name, versions) in before where retrying == nil || retrying == name {
      for version in versions.keys.sorted() where files[name]?[version] == nil {
        state.withLock { state in
          state.models[name]?[version] = nil
          if state.models[name]?.isEmpty == true { state.models[name] = nil }
        }
        changes.append(Change(description: "removed \(name), version \(version)"))
      }
    }
    for (name, versions) in files.sorted(by: { $0.key < $1.key }) {
      for (version, file) in versions.sorted(by: { $0.key > $1.key }) {
        let old = before[name]?[version]
        if state.withLock({ $0.unloaded.contains(name) }) {
          state.withLock { $0.models[name, default: [:]][version] = Self.unloaded }
          continue
        }
        if let old, old.stamps == file.stamps, old.model != nil || retrying == nil,
          !old.stamps.isEmpty || old.problem == file.problem
        {
          continue
        }
        let entry = entry(name, version, file, replacing: old)
        state.withLock { $0.models[name, default: [:]][version] = entry }
        changes.append(
          Change(
            description: entry.problem.map {
              "\(name), version \(version), cannot be loaded: \($0)"
            }
              ?? "loaded \(name), version \(version)",
            isProblem: entry.problem != nil))
      }
    }
    return changes
  }

  private func entry(
    _ name: String, _ version: Int, _ file: ModelFolder.File, replacing old: Entry?
  ) -> Entry {
    func failed(_ problem: String) -> Entry {
      Entry(model: old?.model, stamps: file.stamps, problem: problem)
    }
    if let problem = file.problem { return failed(problem) }
    guard old?.model != nil || state.withLock(\.loadedCount) < options.maxModels else {
      return failed("\(options.maxModels) models are loaded, which is the limit")
    }
    do {
      let model = try ServedModel(
        name: name, version: "\(version)", path: file.path, memoryLimit: options.maxMemory)
      for input in model.session.inputs {
        guard let type = input.type?.tensorType, Datatype(type.elementType) != nil else {
          let type = input.type.map { "\($0)" } ?? "of unknown type"
          return failed("input \(quoted(input.name)) is \(type), which the protocol cannot carry")
        }
      }
      return Entry(model: model, stamps: file.stamps)
    } catch {
      return failed("\(error)")
    }
  }
}
