import ONNXFormat
import RealModule

extension Sound {
  /// The recording at another sample rate, `⌈length · new / old⌉` samples of each channel.
  ///
  /// Each new sample is the sum of the old ones weighted by a sinc of six zero crossings on either
  /// side under a Hann window, whose cutoff is 0.99 times the lower of the two Nyquist frequencies
  /// (Smith, "Digital audio resampling", 2002; the defaults of `torchaudio.functional.resample`).
  /// - Throws: `FormatError` if there would be more than `sampleLimit` samples
  public func resampled(
    to newRate: Int, sampleLimit: Int = Sound.defaultSampleLimit
  ) throws(FormatError) -> Sound {
    precondition(newRate > 0)
    if newRate == rate { return self }
    let divisor = greatestCommonDivisor(rate, newRate)
    let (old, new) = (rate / divisor, newRate / divisor)
    let (product, overflow) = length.multipliedReportingOverflow(by: new)
    let count = overflow ? Int.max : product / old + (product % old == 0 ? 0 : 1)
    guard count <= sampleLimit / channels else {
      throw FormatError(
        .limit(
          "\(newRate) samples per second for \(rate) make more than \(sampleLimit) samples"))
    }
    // Distances in units of the sinc's zero crossings.
    let unit = 0.99 * Double(min(old, new)) / Double(old)
    let reach = Self.zeroCrossings / unit
    var result = [Float](repeating: 0, count: count * channels)
    // Samples `new` apart have the same weights.
    for phase in 0..<min(new, count) {
      let (start, part) = (phase * old / new, phase * old % new)
      let shift = Double(part) / Double(new)
      let first = Int((shift - reach).rounded(.up))
      let last = Int((shift + reach).rounded(.down))
      // Weights beyond both ends of the recording are never used.
      let range = max(first, -length - start)...min(last, length)
      let weights = range.map { Float(Self.sinc((Double($0) - shift) * unit) * unit) }
      for (turn, time) in stride(from: phase, to: count, by: new).enumerated() {
        let center = start + turn * old
        let used = max(range.lowerBound, -center)..<min(range.upperBound + 1, length - center)
        for channel in 0..<channels where !used.isEmpty {
          var sum: Float = 0
          for offset in used {
            sum +=
              weights[offset - range.lowerBound] * samples[(center + offset) * channels + channel]
          }
          result[time * channels + channel] = sum
        }
      }
    }
    return Sound(rate: newRate, channels: channels, samples: result)
  }

  private static let zeroCrossings = 6.0

  /// `sin(πx) / πx` under a Hann window.
  private static func sinc(_ x: Double) -> Double {
    guard x != 0 else { return 1 }
    let window = Double.cos(.pi * x / zeroCrossings / 2)
    return .sin(.pi * x) / (.pi * x) * window * window
  }
}

private func greatestCommonDivisor(_ a: Int, _ b: Int) -> Int {
  var (a, b) = (a, b)
  while b != 0 { (a, b) = (b, a % b) }
  return a
}
