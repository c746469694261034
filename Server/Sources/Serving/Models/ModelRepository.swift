import Foundation
import Hummingbird
import ONNX
import Synchronization

/// The models of a folder.
public final class ModelRepository: Sendable {
  private let options: ServerOptions
  private let models = Mutex<[String: ServedModel]>([:])

  /// Reads the models of the folder.
  public init(_ options: ServerOptions) throws {
    self.options = options
    for file in try FileManager.default.contentsOfDirectory(atPath: options.folder).sorted()
    where file.hasSuffix(".onnx") {
      let name = String(file.dropLast(5))
      let model = try ServedModel(name: name, version: "1", path: "\(options.folder)/\(file)")
      models.withLock { $0[name] = model }
    }
  }

  /// The names of the models that are loaded, in order.
  public var names: [String] { models.withLock { $0.keys.sorted() } }

  /// A loaded model.
  /// - Parameter version: the newest for `nil`
  /// - Throws: `ServingError` with status 404 for a model that is not loaded
  public func model(_ name: String, version: String? = nil) throws(ServingError) -> ServedModel {
    guard let model = models.withLock({ $0[name] }), version ?? model.version == model.version
    else {
      throw ServingError(.notFound, "no model '\(name)' is loaded")
    }
    return model
  }
}
