import ONNXFormat
import ONNXImages
internal import ONNXPlots

/// The dependence of a class's score on each pixel of a picture (Simonyan, Vedaldi and Zisserman,
/// "Deep inside convolutional networks", 2013).
public struct Saliency: Sendable {
  /// The class.
  public let classIndex: Int
  /// The picture, float32 `[N, C, H, W]`.
  public let picture: Tensor
  /// The gradient of the score by the picture, `[N, C, H, W]`.
  public let gradient: Tensor
  private let samples: PictureSamples
  private let slopes: [Float]

  fileprivate init(classIndex: Int, picture: Tensor, gradient: Tensor) throws(ExplainError) {
    guard gradient.shape == picture.shape else {
      throw .unsuitable(
        "expected a gradient like the picture \(picture.type), found \(gradient.type)")
    }
    samples = try PictureSamples(picture)
    slopes = try gradient.floats("gradient")
    self.classIndex = classIndex
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

  /// The picture, the saliency map, and the map over the picture, side by side.
  /// - Throws: `ImageError` for a picture that is too large
  public func image() throws(ImageError) -> Image {
    var sheet = TileSheet("saliency of class \(classIndex)", samples.tiles(strengths: map))
    sheet.labels = ["picture", "gradient", "both"]
    sheet.range = .fixed(0...1)
    sheet.columns = 3
    return try sheet.image()
  }
}

extension ExplainedModel {
  /// The saliency of the first picture among the inputs, float32 `[N, C, H, W]`.
  /// - Parameters:
  ///   - name: the name of the node or output with the scores; `nil` for the model's first output,
  ///     before its softmax
  ///   - classIndex: the class; `nil` for the one with the best score
  /// - Throws: `ExplainError` if there is no picture or class, a node on the way has no gradient, or
  ///   a run fails
  public func saliency(
    of name: String? = nil, classIndex: Int? = nil
  ) throws(ExplainError) -> Saliency {
    let input = model.graph.inputs.first { info in
      guard let tensor = inputs[info.name]?.tensor else { return false }
      return tensor.shape.count == 4 && tensor.elementType == .float32 && tensor.count > 0
    }
    guard let input, let picture = inputs[input.name]?.tensor else {
      throw .unsuitable("the model has no input of pictures, float32[N,C,H,W]")
    }
    let output =
      try name == nil
      ? scores() : node(name, "node") { _ in true }.outputs.first { !$0.isEmpty } ?? ""
    guard let scores = try tensors([output])[output], scores.count > 0 else {
      throw .unsuitable("'\(output)' has no scores")
    }
    let classes = scores.shape.dropFirst().reduce(1, *)
    let best = try bestScores(scores, output, steps: nil)[0]
    if let classIndex, !(0..<classes).contains(classIndex) {
      throw .unsuitable("expected a class from 0 to \(classes - 1), got \(classIndex)")
    }
    let chosen = classIndex ?? best
    let gradient = try gradient(of: output, by: input.name)(scores.unit(at: chosen))
    return try Saliency(classIndex: chosen, picture: picture, gradient: gradient)
  }
}
