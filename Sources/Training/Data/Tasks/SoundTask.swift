import ONNXAudio
import ONNXFormat
import RealModule

/// Synthetic sounds of twelve kinds with random pitch, onset, length, loudness and noise. Most pairs
/// differ only in the order of their parts, so that no single moment tells them apart.
///
/// A batch has the tensors `audio`, float32 `[N, rate]`, and `label`, int64 `[N]`.
package struct SoundTask: ExampleSource {
  /// A kind of sounds.
  package enum Kind: String, CaseIterable, Sendable {
    /// A tone that gets higher or lower.
    case rise, fall
    /// Two tones, the second higher or lower.
    case up, down
    /// A tone whose pitch or loudness wavers.
    case vibrato, tremolo
    /// Noise, continuous or in bursts.
    case hiss, bursts
    /// A vowel, and the changes from one to the other.
    case ah, ee, eye, yah
  }

  /// The number of samples per second; a sound lasts one second.
  package static let rate = 8000
  /// The names of the classes in the order of their labels.
  package static let classNames = Kind.allCases.map(\.rawValue)

  package let count: Int
  private let seed: UInt64

  /// - Parameter count: The number of sounds. Their classes take turns.
  package init(count: Int, seed: UInt64) {
    precondition(count > 0)
    self.count = count
    self.seed = seed
  }

  package func batch(of examples: [Int]) throws(DataError) -> Batch {
    try .sounds(examples.map { (sound($0).samples, $0 % Kind.allCases.count) })
  }

  /// A sound of the task.
  package func sound(_ example: Int) -> Sound {
    var random = RandomStream(seed: seed, UInt64(example))
    let kind = Kind.allCases[example % Kind.allCases.count]
    let length = Int(random.uniform(0.35, 0.6) * Double(Self.rate))
    let onset = Int(random.uniform(0.05, 0.35) * Double(Self.rate))
    var voice = Self.voice(kind, length, &random)
    let attack = 160
    for time in 0..<length {
      let edge = Double(min(time, length - 1 - time, attack)) / Double(attack)
      voice[time] *= .sin(.pi / 2 * edge)
    }
    let power = voice.reduce(0) { $0 + $1 * $1 } / Double(length)
    let loudness = 0.2 * Double.exp10(random.uniform(-1, 0))
    let scale = loudness / max(power, 1e-12).squareRoot()
    let noise = loudness * Double.exp10(random.uniform(-1.5, 0))
    let samples = (0..<Self.rate).map { time in
      let place = time - onset
      let clean = voice.indices.contains(place) ? voice[place] * scale : 0
      return Float(min(max(clean + noise * random.normal(), -1), 1))
    }
    return Sound(rate: Self.rate, samples: samples)
  }

  /// The sound itself, without fading, loudness and noise.
  private static func voice(
    _ kind: Kind, _ length: Int, _ random: inout RandomStream
  ) -> [Double] {
    let low = 300 * Double.exp2(random.uniform(0, 1.5))
    let ratio = random.uniform(1.3, 2)
    let (speed, phase) = (random.uniform(5, 9), random.uniform(0, 2 * .pi))
    func wave(_ time: Int) -> Double {
      .sin(2 * .pi * speed * Double(time) / Double(rate) + phase)
    }
    switch kind {
    case .rise: return tone(length) { low * .pow(ratio, $0) }
    case .fall: return tone(length) { low * .pow(ratio, 1 - $0) }
    case .up: return tone(length) { $0 < 0.5 ? low : low * ratio }
    case .down: return tone(length) { $0 < 0.5 ? low * ratio : low }
    case .vibrato:
      return tone(length) { low * (1 + 0.08 * wave(Int($0 * Double(length)))) }
    case .tremolo:
      return tone(length) { _ in low }.enumerated().map { $1 * (0.55 + 0.45 * wave($0)) }
    case .hiss: return (0..<length).map { _ in random.normal() }
    case .bursts:
      return (0..<length).map { random.normal() * (wave($0) > 0 ? 1 : 0.02) }
    case .ah: return vowel(length, &random) { _ in 0 }
    case .ee: return vowel(length, &random) { _ in 1 }
    case .eye: return vowel(length, &random) { $0 }
    case .yah: return vowel(length, &random) { 1 - $0 }
    }
  }

  /// A sine with a frequency in Hz that depends on the time, which goes from 0 to 1.
  private static func tone(_ length: Int, _ frequency: (Double) -> Double) -> [Double] {
    var phase = 0.0
    return (0..<length).map { time in
      phase += 2 * .pi * frequency(Double(time) / Double(length)) / Double(rate)
      return .sin(phase)
    }
  }

  /// The formants of the vowels in "father" and "see" in Hz (Peterson and Barney, 1952, men).
  private static let formants: [(ah: Double, ee: Double)] = [
    (730, 270), (1090, 2290), (2440, 3010),
  ]

  /// A vowel: a pulse train through three resonators in series (Klatt, 1980).
  /// - Parameter place: The place between "ah", 0, and "ee", 1, at a time from 0 to 1.
  private static func vowel(
    _ length: Int, _ random: inout RandomStream, _ place: (Double) -> Double
  ) -> [Double] {
    let pitch = 90 * Double.exp2(random.uniform(0, 1.3))
    let size = random.uniform(0.9, 1.15)
    var phase = 0.0
    var signal = (0..<length).map { _ in
      phase += pitch / Double(rate)
      guard phase >= 1 else { return 0.0 }
      phase -= 1
      return 1
    }
    for formant in formants {
      var (before, last) = (0.0, 0.0)
      var (a, b, c) = (0.0, 0.0, 0.0)
      for time in 0..<length {
        if time % 40 == 0 {
          let point = place(Double(time) / Double(length))
          let frequency = size * (formant.ah + (formant.ee - formant.ah) * point)
          c = -.exp(-2 * .pi * bandwidth / Double(rate))
          b = 2 * (-c).squareRoot() * .cos(2 * .pi * frequency / Double(rate))
          a = 1 - b - c
        }
        let value = a * signal[time] + b * last + c * before
        (before, last, signal[time]) = (last, value, value)
      }
    }
    return signal
  }

  /// The width of a formant in Hz.
  private static let bandwidth = 80.0
}

extension Batch {
  /// A batch of sounds of one length with their labels.
  static func sounds(_ examples: [(samples: [Float], label: Int)]) throws(DataError) -> Batch {
    let length = examples.first?.samples.count ?? 0
    let audio = try Tensor(data: Float.self, shape: [examples.count, length]) { target in
      for (row, example) in examples.enumerated() {
        for (time, sample) in example.samples.enumerated() { target[row * length + time] = sample }
      }
    }
    let labels = try Tensor(data: examples.map { Int64($0.label) }, shape: [examples.count])
    return Batch(["audio": audio, "label": labels], count: examples.count)
  }
}
