import ONNXAudio
import ONNXFormat

/// The form that files of pictures and sounds take as inputs.
package struct InputForm: Sendable {
  /// The normalization of pictures; `nil` for that of the model's metadata.
  package var normalization: PictureNormalization?
  /// The number of samples per second to convert sounds to; `nil` for that of each file.
  package var sampleRate: Int?
  package init(
    normalization: PictureNormalization? = nil, sampleRate: Int? = nil
  ) {
    self.normalization = normalization
    self.sampleRate = sampleRate
  }
}

/// The sample rates that a sound can be converted to.
package let sampleRates = 1...10_000_000

/// The sample rate that a model's metadata states; `nil` if it states none.
/// - Throws: `Failure` for text that is no sample rate
package func statedSampleRate(_ metadata: [MetadataEntry]) throws(Failure) -> Int? {
  guard let entry = metadata.first(where: { $0.key == Sound.rateMetadataKey }) else { return nil }
  guard let rate = Int(entry.value), sampleRates.contains(rate) else {
    throw Failure(
      "the metadata '\(Sound.rateMetadataKey)': expected a number of samples per second, found "
        + entry.value.quoted)
  }
  return rate
}

/// Converts a sound to a tensor for an input, in the layout of its declared shape: `[T]`, `[N, T]`,
/// `[N, C, T]`, `[C, T]` or, where only that fits, `[N, T, C]` or `[T, C]`; N is 1.
///
/// An axis of channels holds the channels of the sound; a single channel is repeated where the input
/// has more, and their mean is taken where it has one or no such axis. Zeros follow a sound that is
/// shorter than the input.
/// - Throws: `Failure` for an input that cannot take the sound
package func tensor(
  _ sound: Sound, for input: ValueInfo, shapes: InputShapes
) throws(Failure) -> Tensor {
  guard let type = input.type?.tensorType else {
    throw Failure("expected \(input.type?.description ?? "a declared tensor type"), got a sound")
  }
  let rank = type.shape?.rank ?? 2
  guard (1...3).contains(rank) else { throw Failure("expected \(type), got a sound") }
  let known = (0..<rank).map { shapes.known(input, $0) }
  if rank == 3, let batch = known[0], batch != 1 {
    throw Failure("expected \(type), got a single sound")
  }
  let layout = SoundLayout(known)
  let wanted = layout.channels ?? sound.channels
  guard wanted == 1 || wanted == sound.channels || sound.channels == 1 else {
    throw Failure("expected \(type), got a sound of \(sound.channels) channels")
  }
  let given = wanted == 1 ? sound.mono : sound
  let length = layout.length ?? given.length
  guard length >= given.length else {
    throw Failure("expected \(type), got a sound of \(given.length) samples")
  }
  let fitted = given.fitted(to: length)
  var shape =
    layout.hasChannelAxis ? layout.isChannelLast ? [length, wanted] : [wanted, length] : [length]
  shape = Array(repeating: 1, count: rank - shape.count) + shape
  do {
    let tensor = try Tensor(Float.self, shape: shape) { target in
      for channel in 0..<wanted {
        let source = min(channel, fitted.channels - 1)
        for time in 0..<length {
          target[layout.isChannelLast ? time * wanted + channel : channel * length + time] =
            fitted.samples[time * fitted.channels + source]
        }
      }
    }
    return try converted(tensor, to: type.elementType)
  } catch { throw Failure("\(error)") }
}

/// The axes of an input for sounds.
private struct SoundLayout {
  var hasChannelAxis = false
  var isChannelLast = false
  /// The number of channels; `nil` for any.
  var channels: Int? = 1
  /// The number of samples; `nil` for any.
  var length: Int?

  /// - Parameter known: the sizes of one to three axes, `nil` where any size fits
  init(_ known: [Int?]) {
    guard known.count > 1 else {
      length = known[0]
      return
    }
    let (first, last) = (known[known.count - 2], known[known.count - 1])
    func isFew(_ size: Int?) -> Bool { size.map { $0 <= Self.mostChannels } ?? false }
    if isFew(last), !isFew(first) {
      (hasChannelAxis, isChannelLast, channels, length) = (true, true, last, first)
    } else if known.count == 3 || first ?? 1 > 1 {
      (hasChannelAxis, channels, length) = (true, first, last)
    } else {
      length = last
    }
  }

  /// An axis of a fixed size up to this one is taken for that of channels.
  private static let mostChannels = 8
}
