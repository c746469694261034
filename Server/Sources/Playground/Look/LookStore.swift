import Foundation
import HTTPTypes
import ONNX
import ONNXConversion
import Serving
import Synchronization

/// A model that is looked at.
final class LookedModel: Sendable {
  let id: String
  let model: Model
  let graph: LookModel
  /// The tensors of constants, by the number of the value.
  let constants: [Int: Tensor]
  /// The bytes of the constants.
  let constantBytes: Int

  init(id: String, _ model: Model) throws(ServingError) {
    self.id = id
    self.model = model
    let builder = try LookGraphBuilder(model, types: model.lookTypes())
    constants = builder.constants
    constantBytes = model.graph.initializers.reduce(0) {
      $0 + $1.tensor.count * $1.tensor.elementType.stride
    }
    graph = LookModel(
      id: id,
      producer: model.producerName.map { name in
        [name, model.producerVersion ?? ""].filter { !$0.isEmpty }.joined(separator: " ")
          .shortened()
      },
      doc: (model.docString ?? model.graph.docString)?.shortened(2000), irVersion: model.irVersion,
      operatorSets: model.operatorSets.prefix(40).map {
        "\(($0.domain ?? "").isEmpty ? "ai.onnx" : ($0.domain ?? "").shortened(60)) \($0.version)"
      },
      parameters: model.graph.initializers.reduce(0) { $0 + $1.tensor.count },
      metadata: model.metadata.prefix(40).map {
        LookText(name: $0.key.shortened(60), text: $0.value.shortened())
      },
      values: builder.values, graphs: builder.graphs)
  }
}

extension Model {
  /// The types of the graph's values, as far as they can be inferred. Time and memory are bounded.
  fileprivate func lookTypes() -> [String: ValueType] {
    let session = try? Session(self, options: .looking)
    return (try? session?.types()) ?? [:]
  }
}

extension SessionOptions {
  /// Options that keep the nodes of the model as they are, with limits.
  static var looking: SessionOptions {
    var options = SessionOptions()
    options.threads = 1
    options.passes = []
    options.memoryLimit = 2 << 30
    options.maxNodes = 100_000
    options.maxTrips = 100_000
    options.timeLimit = .seconds(10)
    return options
  }
}

/// The models that were looked at last: a few, so that a click on a weight need not read the file again.
final class LookStore: Sendable {
  private static let most = 4
  private static let mostBytes = 1 << 29
  private let server: InferenceServer
  /// The latest comes last.
  private let kept = Mutex<[(key: String, model: LookedModel)]>([])

  init(_ server: InferenceServer) { self.server = server }

  /// A served model by its name, or an uploaded one by its identifier.
  /// - Parameter simplified: whether constants are computed and needless nodes removed, in a served
  ///   model; uploaded ones could take any time for it
  /// - Throws: `ServingError` with status 404 for one that is not known (any more)
  func model(_ id: String, simplified: Bool = false) throws(ServingError) -> LookedModel {
    if let uploaded = find(id) {
      guard !simplified else {
        throw ServingError(.badRequest, "only served models are simplified")
      }
      return uploaded
    }
    let served: ServedModel
    do { served = try server.repository.model(id) } catch {
      guard id.hasPrefix("upload-") else { throw error }
      throw ServingError(.notFound, "the uploaded model is no longer kept: open the file again")
    }
    let attributes = try? FileManager.default.attributesOfItem(atPath: served.path)
    let bytes = attributes?[.size] as? Int ?? 0
    guard bytes <= Self.mostBytes else {
      throw ServingError(
        .contentTooLarge, "the file of '\(id)' has more than \(Self.mostBytes >> 20) MB")
    }
    let key =
      "\(served.path) \(attributes?[.modificationDate] as? Date ?? .distantPast) \(bytes) \(simplified)"
    if let known = find(key) { return known }
    do {
      let model = try Model(contentsOf: served.path)
      return keep(key, try LookedModel(id: id, simplified ? model.simplified() : model))
    } catch let error as ServingError { throw error } catch {
      throw ServingError(.badRequest, "the file of '\(id)' cannot be read: \(error)")
    }
  }

  /// Reads an uploaded file: a model in any form.
  /// - Throws: `ServingError` with status 400 for anything else
  func upload(_ bytes: [UInt8]) throws(ServingError) -> LookedModel {
    let model: Model
    do { model = try Model(inAnyForm: bytes) } catch { throw ServingError(.badRequest, "\(error)") }
    let id = "upload-\(UUID().uuidString.lowercased())"
    return keep(id, try LookedModel(id: id, model))
  }

  private func find(_ key: String) -> LookedModel? {
    kept.withLock { kept in
      guard let index = kept.firstIndex(where: { $0.key == key }) else { return nil }
      let entry = kept.remove(at: index)
      kept.append(entry)
      return entry.model
    }
  }

  private func keep(_ key: String, _ model: LookedModel) -> LookedModel {
    kept.withLock { kept in
      kept.append((key, model))
      if kept.count > Self.most { kept.removeFirst() }
    }
    return model
  }
}
