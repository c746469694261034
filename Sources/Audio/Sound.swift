import ONNXFormat

/// A recording: samples from −1 to 1 of one or more channels.
public struct Sound: Sendable, Equatable {
  /// The number of samples per second of each channel.
  public let rate: Int
  /// The number of channels.
  public let channels: Int
  /// The samples `[time, channels]`.
  public let samples: [Float]

  /// The key under which a model's metadata states the sample rate of its input.
  public static let rateMetadataKey = "sample_rate"
  /// The default limit for the number of samples in a file: 2²⁸.
  public static let defaultSampleLimit = 1 << 28

  /// A recording of these samples.
  /// - Precondition: a positive rate and number of channels, which divides the number of samples
  public init(rate: Int, channels: Int = 1, samples: [Float]) {
    precondition(rate > 0 && channels > 0 && samples.count % channels == 0)
    self.rate = rate
    self.channels = channels
    self.samples = samples
  }

  /// The number of samples of each channel.
  public var length: Int { samples.count / channels }

  /// The mean of all channels.
  public var mono: Sound {
    guard channels > 1 else { return self }
    let mean = (0..<length).map { time in
      samples[time * channels..<(time + 1) * channels].reduce(0, +) / Float(channels)
    }
    return Sound(rate: rate, samples: mean)
  }

  /// The first `length` samples of each channel, with zeros after a shorter recording.
  public func fitted(to length: Int) -> Sound {
    let kept = samples.prefix(length * channels)
    let silence = [Float](repeating: 0, count: length * channels - kept.count)
    return Sound(rate: rate, channels: channels, samples: kept + silence)
  }
}
