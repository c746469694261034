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
  private let samples: [Float]
  private let slopes: [Float]

  fileprivate init(classIndex: Int, picture: Tensor, gradient: Tensor) throws(ExplainError) {
    guard gradient.shape == picture.shape else {
      throw .unsuitable("expected a gradient like the picture \(picture), found \(gradient)")
    }
    samples = try picture.floats("picture")
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
    var sheet = TileSheet("saliency of class \(classIndex)", tiles())
    sheet.labels = ["picture", "gradient", "both"]
    sheet.range = .fixed(0...1)
    sheet.columns = 3
    return try sheet.image()
  }

  /// The three tiles, float32 `[3, H, W]` from 0 to 1.
  private func tiles() -> [Tensor] {
    let (channels, height, width) = (picture.shape[1], picture.shape[2], picture.shape[3])
    let plane = height * width
    let finite = samples.prefix(channels * plane).filter(\.isFinite)
    let (low, high) = (finite.min() ?? 0, finite.max() ?? 1)
    func level(_ channel: Int, _ pixel: Int) -> Float {
      (samples[(channels == 3 ? channel : 0) * plane + pixel] - low) / max(high - low, 1e-12)
    }
    let strengths = map
    let largest = max(strengths.max() ?? 1, 1e-30)
    let shape = [3, height, width]
    var (plain, heat, both): ([Float], [Float], [Float]) = ([], [], [])
    for channel in 0..<3 {
      for pixel in 0..<plane {
        let strength = strengths[pixel] / largest
        // Black, red, yellow, white.
        let glow = min(max(3 * strength - Float(channel), 0), 1)
        let sample = level(channel, pixel)
        plain.append(sample)
        heat.append(glow)
        both.append((1 - strength) * 0.6 * sample + strength * (channel == 0 ? 1 : 0.15))
      }
    }
    return [plain, heat, both].map { Tensor(shape: shape, $0) }
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
