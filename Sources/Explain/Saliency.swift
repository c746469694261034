import ONNXFormat
import ONNXImages
internal import ONNXPlots

/// The dependence of a class's score on each pixel of a picture (Simonyan, Vedaldi and Zisserman,
/// "Deep inside convolutional networks", 2013).
public struct Saliency: Sendable {
  /// The class and its score.
  public let chosen: ClassScore
  /// The class with the best score.
  public let predicted: ClassScore
  /// The picture, float32 `[N, C, H, W]`.
  public let picture: Tensor
  /// The gradient of the score by the picture, `[N, C, H, W]`.
  public let gradient: Tensor
  private let samples: PictureSamples
  private let slopes: [Float]

  fileprivate init(
    _ chosen: ClassScore, predicted: ClassScore, picture: Tensor, gradient: Tensor
  ) throws(ExplainError) {
    guard gradient.shape == picture.shape else {
      throw .unsuitable(
        "expected a gradient like the picture \(picture.type), found \(gradient.type)")
    }
    samples = try PictureSamples(picture)
    slopes = try gradient.floats("gradient")
    self.chosen = chosen
    self.predicted = predicted
    self.picture = picture
    self.gradient = gradient
  }

  /// The saliency map of the first picture: for each pixel the largest absolute gradient of its
  /// channels, `[H, W]`.
  public var map: [Float] {
    let (channels, plane) = (picture.shape[1], picture.shape[2] * picture.shape[3])
    var strengths = [Float](repeating: 0, count: plane)
    for channel in 0..<channels {
      for pixel in 0..<plane {
        strengths[pixel] = max(strengths[pixel], abs(slopes[channel * plane + pixel]))
      }
    }
    return strengths
  }

  /// The picture, the saliency map, and the map over the picture, side by side, with the scale of the
  /// map and the predicted class.
  /// - Throws: `ImageError` for a picture that is too large
  public func image() throws(ImageError) -> Image {
    let map = map
    var sheet = TileSheet("Saliency of class \(chosen.text)", samples.tiles(strengths: map))
    sheet.labels = ["picture", "gradient", "both"]
    sheet.range = .fixed(0...1)
    sheet.columns = 3
    sheet.bar = .colors(
      ColorBar(low: 0, high: max(map.max() ?? 0, 1e-30), colors: ColorBar.glow))
    sheet.notes = [
      "predicted class: \(predicted.text)",
      "scale: largest absolute gradient of a pixel's channels",
    ]
    return try sheet.image()
  }
}

extension ExplainedModel {
  /// The saliency of the first picture among the inputs, float32 `[N, C, H, W]`.
  /// - Parameters:
  ///   - name: the name of the node or output with the scores; `nil` for the model's first output,
  ///     before its softmax
  ///   - className: the index or name of the class; `nil` for the one with the best score
  /// - Throws: `ExplainError` if there is no picture or class, a node on the way has no gradient, or
  ///   a run fails
  public func saliency(
    of name: String? = nil, class className: String? = nil
  ) throws(ExplainError) -> Saliency {
    let input = model.graph.inputs.first { info in
      guard let tensor = inputs[info.name]?.tensor else { return false }
      return tensor.shape.count == 4 && tensor.elementType == .float32 && tensor.count > 0
    }
    guard let input, let picture = inputs[input.name]?.tensor else {
      throw .unsuitable("the model has no input of pictures, float32[N,C,H,W]")
    }
    let output = try scores(of: name)
    guard let tensor = try tensors([output])[output] else {
      throw .unsuitable("'\(output)' has no scores")
    }
    let scores = try ClassScores(self, output, tensor)
    let chosen = try scores.classes(className.map { [$0] } ?? [])[0]
    let gradient = try gradient(of: output, by: input.name)(tensor.unit(at: chosen.index))
    return try Saliency(chosen, predicted: scores.best, picture: picture, gradient: gradient)
  }
}
