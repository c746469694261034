/// The weights of linear interpolation from `inputSize` to `outputSize` samples, with antialiasing.
///
/// Sample `i` of the output is at `c = (i + ½) · inputSize / outputSize` of the input. The weight of
/// input sample `j` is `max(0, 1 − |j + ½ − c| / s)` with `s = max(1, inputSize / outputSize)`, divided
/// by the sum of all weights. This is the triangle filter of Pillow's `BILINEAR` and of PyTorch's
/// `interpolate(antialias=True)`.
struct Resampling: Sendable {
  /// The first input sample of each output sample.
  let starts: [Int]
  /// `taps` weights for each output sample; unused ones are 0.
  let weights: [Float]
  let taps: Int

  /// - Precondition: both sizes are positive, and their product does not overflow
  init(from inputSize: Int, to outputSize: Int) {
    let ratio = Double(inputSize) / Double(outputSize)
    let support = max(1, ratio)
    taps = min(inputSize, Int(support.rounded(.up)) * 2 + 1)
    var starts: [Int] = []
    var weights: [Float] = []
    starts.reserveCapacity(outputSize)
    weights.reserveCapacity(outputSize * taps)
    for index in 0..<outputSize {
      let center = (Double(index) + 0.5) * ratio
      let first = Int((center - support).rounded(.down))
      let start = min(max(first, 0), inputSize - taps)
      let raw = (start..<start + taps).map { max(0, 1 - abs(Double($0) + 0.5 - center) / support) }
      let sum = raw.reduce(0, +)
      starts.append(start)
      weights += raw.map { Float($0 / sum) }
    }
    self.starts = starts
    self.weights = weights
  }
}

/// One channel of a picture: `height` rows of `width` samples.
struct Plane {
  var width: Int
  var height: Int
  var samples: [Float]

  /// The plane resized.
  /// - Precondition: no size is 0
  func resized(width: Int, height: Int) -> Plane {
    // The direction that shrinks more goes first, so that the intermediate plane is smaller.
    let widthFirst = self.height * width <= height * self.width
    return widthFirst
      ? resized(width: width).resized(height: height)
      : resized(height: height).resized(width: width)
  }

  private func resized(width: Int) -> Plane {
    if width == self.width { return self }
    let resampling = Resampling(from: self.width, to: width)
    let taps = resampling.taps
    let resized = [Float](unsafeUninitializedCapacity: width * height) { output, count in
      for row in 0..<height {
        let source = row * self.width
        for x in 0..<width {
          let start = source + resampling.starts[x]
          var sum: Float = 0
          for tap in 0..<taps { sum += resampling.weights[x * taps + tap] * samples[start + tap] }
          output[row * width + x] = sum
        }
      }
      count = width * height
    }
    return Plane(width: width, height: height, samples: resized)
  }

  private func resized(height: Int) -> Plane {
    if height == self.height { return self }
    let resampling = Resampling(from: self.height, to: height)
    let taps = resampling.taps
    let resized = [Float](unsafeUninitializedCapacity: width * height) { output, count in
      output.initialize(repeating: 0)
      for y in 0..<height {
        for tap in 0..<taps {
          let weight = resampling.weights[y * taps + tap]
          if weight == 0 { continue }
          let source = (resampling.starts[y] + tap) * width
          for x in 0..<width { output[y * width + x] += weight * samples[source + x] }
        }
      }
      count = width * height
    }
    return Plane(width: width, height: height, samples: resized)
  }
}
