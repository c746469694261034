import HTTPTypes
import ONNX
import Serving
import Synchronization

/// The models of the page Draw that were used last, each prepared once.
final class PictureModels: Sendable {
  /// The most models kept.
  private static let capacity = 4

  private let repository: ModelRepository
  private let desk = WorkDesk(places: 8, kind: "models")
  /// The models, the one used last at the end.
  private let models = Mutex<[PictureModel]>([])

  init(_ repository: ModelRepository) { self.repository = repository }

  /// A model of the repository.
  /// - Throws: `ServingError` for an unknown model, one that cannot be drawn, and too many at once
  func model(_ name: String) async throws -> PictureModel {
    let served = try repository.model(name)
    let known: PictureModel? = models.withLock { models in
      guard let index = models.firstIndex(where: { $0.served === served }) else { return nil }
      models.append(models.remove(at: index))
      return models.last
    }
    if let known { return known }
    let model = try await desk.enter().run { try Self.prepare(served) }
    models.withLock { models in
      models.removeAll { $0.name == name }
      if models.count == Self.capacity { models.removeFirst() }
      models.append(model)
    }
    return model
  }

  private static func prepare(_ served: ServedModel) throws(ServingError) -> PictureModel {
    let status: HTTPResponse.Status
    let reason: String
    do { return try PictureModel(served) } catch let error as ServingError {
      (status, reason) = (error.status, error.description)
    } catch {
      (status, reason) = (.badRequest, "\(error)")
    }
    throw ServingError(status, "the model '\(served.name)' cannot be drawn: \(reason)")
  }

  /// What the page can say about each model without preparing it.
  func list() -> [PictureModelInfo] {
    repository.names.compactMap { name in
      guard let served = try? repository.model(name) else { return nil }
      do throws(ServingError) {
        let shape = try PictureModel.picture(of: served.session.inputs).shape
        return PictureModelInfo(name: name, shape: shape, reason: nil)
      } catch {
        return PictureModelInfo(name: name, shape: nil, reason: error.description)
      }
    }
  }
}

/// A model of the folder, and the reason why it cannot be drawn, if it cannot.
struct PictureModelInfo: Encodable, Sendable {
  let name: String
  /// The shape of the picture, `[C, H, W]`.
  let shape: [Int]?
  let reason: String?
}
