import ONNX
import ONNXExplain
import Serving

/// The parts of a picture that matter for the score of a class.
struct HeatMap: Encodable, Sendable {
  /// The two kinds of maps.
  enum Method: String, Sendable {
    /// The class activation map, or Grad-CAM for networks without global average pooling.
    case activation
    /// The gradient of the score by each pixel.
    case saliency
  }

  /// `CAM`, `Grad-CAM` or `saliency`.
  let method: String
  /// The layer whose maps are weighted; `nil` for a saliency map.
  let layer: String?
  /// The index of the class.
  let classIndex: Int
  /// The score of the class.
  let score: Float
  /// `[rows, columns]`, over the whole picture.
  let map: Values

  private enum CodingKeys: String, CodingKey {
    case method, layer, score, map
    case classIndex = "class"
  }

  /// Computes the map of a class.
  /// - Throws: `ServingError` for a model without classes, an index beyond them, or a step that has
  ///   no gradient
  init(
    _ model: PictureModel, _ samples: [Float], _ method: Method, class index: Int
  ) throws(ServingError) {
    guard !model.classes.isEmpty else {
      throw ServingError(.badRequest, "the model '\(model.name)' gives no scores of classes")
    }
    guard model.classes.indices.contains(index) else {
      throw ServingError(
        .badRequest, "expected a class from 0 to \(model.classes.count - 1), found \(index)")
    }
    let explained = ExplainedModel(
      model.model, inputs: [model.input: .tensor(model.tensor(samples))],
      options: PictureModel.options)
    do throws(ExplainError) {
      classIndex = index
      switch method {
      case .activation:
        let result = try explained.classActivation(of: [model.classes[index]])
        guard let entry = result.entries.first else {
          throw .unsuitable("the class has no map")
        }
        self.method = result.method.rawValue
        layer = result.layer
        score = entry.score
        map = Values(shape: [result.rows, result.columns], entry.map)
      case .saliency:
        let result = try explained.saliency(class: model.classes[index])
        self.method = "saliency"
        layer = nil
        score = result.chosen.score
        map = Values(shape: Array(model.shape.dropFirst()), result.map)
      }
    } catch .model(let error) {
      throw ServingError(error)
    } catch {
      throw ServingError(.badRequest, "the heat map of '\(model.name)' failed: \(error)")
    }
  }
}
