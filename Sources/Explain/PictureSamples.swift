import ONNXFormat

/// The samples of the first picture of a batch from 0 to 1, to draw strengths over them.
struct PictureSamples {
  private let samples: [Float]
  private let channels: Int
  private let height: Int
  private let width: Int

  /// - Throws: `ExplainError` for elements that are not floating point
  init(_ picture: Tensor) throws(ExplainError) {
    (channels, height, width) = (picture.shape[1], picture.shape[2], picture.shape[3])
    let first = try picture.floats("picture").prefix(channels * height * width)
    let finite = first.filter(\.isFinite)
    let (low, high) = (finite.min() ?? 0, finite.max() ?? 1)
    samples = first.map { ($0 - low) / max(high - low, 1e-12) }
  }

  /// The picture, the strengths, and the strengths over the picture, float32 `[3, H, W]` from 0 to 1.
  /// - Parameter strengths: a number of at least 0 for each pixel; the largest is drawn as 1
  func tiles(strengths: [Float]) -> [Tensor] {
    let plane = height * width
    let largest = max(strengths.max() ?? 1, 1e-30)
    var (plain, heat, both): ([Float], [Float], [Float]) = ([], [], [])
    for channel in 0..<3 {
      for pixel in 0..<plane {
        let strength = strengths[pixel] / largest
        // Black, red, yellow, white.
        let glow = min(max(3 * strength - Float(channel), 0), 1)
        let sample = samples[(channels == 3 ? channel : 0) * plane + pixel]
        plain.append(sample)
        heat.append(glow)
        both.append((1 - strength) * 0.6 * sample + strength * (channel == 0 ? 1 : 0.15))
      }
    }
    return [plain, heat, both].map { Tensor(shape: [3, height, width], $0) }
  }
}

extension Tensor {
  /// A float32 picture `[C, H, W]` with its rows in the opposite order.
  var upsideDown: Tensor {
    let (height, width) = (shape[1], shape[2])
    let samples = elements(as: Float.self)
    return Tensor(
      shape: shape,
      (0..<count).map { index in
        let (row, plane) = (index / width % height, index / (width * height))
        return samples[(plane * height + height - 1 - row) * width + index % width]
      })
  }
}
