import ONNX
import Serving

/// The models of the page Draw that were used last, each prepared once.
actor PictureModels {
  /// The most models kept.
  private static let capacity = 4

  private let repository: ModelRepository
  private var models: [(served: ServedModel, model: PictureModel)] = []

  init(_ repository: ModelRepository) { self.repository = repository }

  /// A model of the repository.
  /// - Throws: `ServingError` for an unknown model, and for one that cannot be drawn
  func model(_ name: String) throws(ServingError) -> PictureModel {
    let served = try repository.model(name)
    if let index = models.firstIndex(where: { $0.served === served }) {
      let found = models.remove(at: index)
      models.append(found)
      return found.model
    }
    let model: PictureModel
    do { model = try PictureModel(served) } catch let error as ServingError {
      throw ServingError(error.status, "the model '\(name)' cannot be drawn: \(error)")
    } catch {
      throw ServingError(.badRequest, "the model '\(name)' cannot be drawn: \(error)")
    }
    models.removeAll { $0.served.name == name }
    if models.count == Self.capacity { models.removeFirst() }
    models.append((served, model))
    return model
  }

  /// What the page can say about each model without preparing it.
  nonisolated func list() -> [PictureModelInfo] {
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
