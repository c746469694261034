import ONNXAudio
import RealModule
import TestFiles
import Testing

/// The bytes of a RIFF/WAVE file.
struct WAV {
  var code = 1
  var channels = 1
  var rate = 8000
  var bits = 16
  /// The bytes of the chunk `fmt ` after the first sixteen.
  var extra: [UInt8] = []
  var data: [UInt8] = []
  /// Chunks before `fmt `.
  var before: [UInt8] = []
  /// What the file states about its sizes, if not the truth.
  var statedSize: Int?
  var statedData: Int?

  var bytes: [UInt8] {
    func little(_ number: Int, _ count: Int) -> [UInt8] {
      (0..<count).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) }
    }
    let format =
      little(code, 2) + little(channels, 2) + little(rate, 4)
      + little(rate * channels * bits / 8, 4) + little(channels * bits / 8, 2) + little(bits, 2)
      + extra
    let chunks =
      before + Array("fmt ".utf8) + little(format.count, 4) + format + Array("data".utf8)
      + little(statedData ?? data.count, 4) + data
    return Array("RIFF".utf8) + little(statedSize ?? chunks.count + 4, 4) + Array("WAVE".utf8)
      + chunks
  }
}

@Suite struct AudioTests {
  let folder: TemporaryFolder
  init() throws { folder = try TemporaryFolder() }

  private func read(_ bytes: [UInt8], limit: Int = 1000) throws -> Sound {
    try Sound(contentsOf: folder.write(bytes, to: "sound.wav"), sampleLimit: limit)
  }

  private func expectError(
    _ bytes: [UInt8], _ text: String, limit: Int = 1000,
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    do {
      _ = try read(bytes, limit: limit)
      Issue.record("the file was read", sourceLocation: sourceLocation)
    } catch {
      #expect("\(error)".contains(text), "\(error)", sourceLocation: sourceLocation)
      #expect("\(error)".contains("sound.wav: "), sourceLocation: sourceLocation)
    }
  }

  @Test func readsIntegersOfEveryWidth() throws {
    #expect(
      try read(WAV(bits: 8, data: [0, 128, 192, 255]).bytes).samples == [-1, 0, 0.5, 127 / 128])
    #expect(
      try read(WAV(data: [0, 0x80, 0, 0x40, 0xFF, 0xFF]).bytes).samples == [-1, 0.5, -1 / 32768])
    #expect(try read(WAV(bits: 24, data: [0, 0, 0x80, 0, 0, 0x20]).bytes).samples == [-1, 0.25])
    #expect(
      try read(WAV(bits: 32, data: [0, 0, 0, 0x80, 0, 0, 0, 0x60]).bytes).samples == [-1, 0.75])
  }

  @Test func readsFloatingPointNumbers() throws {
    let single = WAV(code: 3, bits: 32, data: [0, 0, 0x80, 0x3E, 0, 0, 0, 0xC0])
    #expect(try read(single.bytes).samples == [0.25, -2])
    let double = WAV(code: 3, bits: 64, data: [0, 0, 0, 0, 0, 0, 0xE0, 0xBF])
    #expect(try read(double.bytes).samples == [-0.5])
  }

  /// Numbers of tools/generate/sounds.py.
  @Test func readsTelephoneCodes() throws {
    let codes: [UInt8] = [0, 42, 85, 127, 128, 170, 213, 255]
    let aLaw: [Float] = [-5504, -32256, -8, -848, 5504, 32256, 8, 848]
    let µLaw: [Float] = [-32124, -5372, -716, 0, 32124, 5372, 716, 0]
    #expect(
      try read(WAV(code: 6, bits: 8, data: codes).bytes).samples == aLaw.map { $0 / 32768 })
    #expect(
      try read(WAV(code: 7, bits: 8, data: codes).bytes).samples == µLaw.map { $0 / 32768 })
  }

  @Test func readsAnExtensibleFormatAfterUnknownChunks() throws {
    let subformat: [UInt8] = [
      22, 0, 16, 0, 3, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xAA, 0, 0x38, 0x9B, 0x71,
    ]
    let wav = WAV(
      code: 0xFFFE, channels: 2, rate: 44100, extra: subformat, data: [0, 0x40, 0, 0xC0],
      before: Array("LIST".utf8) + [3, 0, 0, 0, 1, 2, 3, 0])
    let sound = try read(wav.bytes)
    #expect(sound == Sound(rate: 44100, channels: 2, samples: [0.5, -0.5]))
    #expect(sound.mono == Sound(rate: 44100, samples: [0]))
    var other = wav
    other.extra[12] = 9
    expectError(other.bytes, "not supported: an unknown subformat")
    other.extra = []
    expectError(other.bytes, "expected 40 bytes of an extensible format, found 16")
  }

  @Test func refusesDamagedFiles() {
    let wav = WAV(data: [1, 2, 3, 4])
    for count in [0, 3, 11, 12, 20, 30, 40, 47] {
      expectError(Array(wav.bytes.prefix(count)), "; the file is damaged")
    }
    expectError(Array("RIFX".utf8) + wav.bytes.dropFirst(4), "expected a RIFF/WAVE file")
    expectError(
      WAV(data: [1, 2], statedSize: 1 << 30).bytes, "the file states 1073741832 bytes")
    expectError(
      WAV(data: [1, 2], statedData: 1 << 31).bytes,
      "the chunk 'data' states 2147483648 bytes, but the file has 2")
    expectError(WAV(data: [1, 2], statedData: 3).bytes, "states 3 bytes")
    expectError(WAV(data: [1, 2, 3]).bytes, "do not divide into 1 channels of 2 bytes")
    expectError(WAV(channels: 0).bytes, "at least 1 channel")
    expectError(WAV(rate: 0).bytes, "a sample rate above 0")
    expectError(WAV(bits: 12).bytes, "expected samples of [8, 16, 24, 32] bits, found 12")
    expectError(WAV(code: 85).bytes, "not supported: samples of the format 85")
    expectError(wav.bytes, "2 samples exceed the limit of 1", limit: 1)
    #expect(throws: (any Error).self) { try Sound(contentsOf: folder.path("none.wav")) }
    #expect(throws: (any Error).self) { try Sound(contentsOf: folder.path) }
  }

  @Test func writesWhatItReads() throws {
    let sound = Sound(rate: 16000, channels: 2, samples: [0.5, -1, 0.25, 3 / 32768])
    try sound.writeWAV(to: folder.path("w.wav"))
    #expect(try Sound(contentsOf: folder.path("w.wav")) == sound)
    try Sound(rate: 1, samples: [2, -2, .nan]).writeWAV(to: folder.path("w.wav"))
    #expect(try Sound(contentsOf: folder.path("w.wav")).samples == [32767 / 32768, -1, 0])
  }

  /// Numbers of tools/generate/sounds.py.
  @Test func resamples() throws {
    let x = (0..<24).map { Float(Double.sin(0.3 * Double($0)) + 0.25 * Double($0 % 3)) }
    let up: [Float] = [
      -0.0009178023, 0.291085, 0.8099704, 1.063388, 0.876681, 0.802072, 1.181841, 1.522233,
    ]
    let down: [Float] = [
      0.06750638, 0.8301272, 0.9713741, 1.327676, 1.111473, 0.9948634, 0.4489713, 0.08079064,
      -0.4251626, -0.6566879, -0.7453407, -0.6131281, -0.2070775, 0.137585, 0.7838529,
    ]
    let sound = Sound(rate: 8000, samples: x)
    let high = try sound.resampled(to: 12000)
    #expect(high.length == 36)
    #expect(zip(high.samples, up).allSatisfy { abs($0 - $1) < 1e-5 })
    let low = try sound.resampled(to: 5000)
    #expect(low.rate == 5000 && low.length == down.count)
    #expect(zip(low.samples, down).allSatisfy { abs($0 - $1) < 1e-5 })
    // Channels are resampled one by one.
    let pair = Sound(rate: 8000, channels: 2, samples: x.flatMap { [$0, -$0] })
    let both = try pair.resampled(to: 5000)
    #expect(both.samples == low.samples.flatMap { [$0, -$0] })
  }

  @Test func resamplesBetweenExtremeRates() throws {
    let sound = Sound(rate: Int(UInt32.max), samples: [Float](repeating: 1, count: 100))
    #expect(try sound.resampled(to: 8000).length == 1)
    #expect(try Sound(rate: 8000, samples: []).resampled(to: 44100).length == 0)
    #expect(throws: (any Error).self) {
      try Sound(rate: 1, samples: [1, 2]).resampled(to: 1_000_000, sampleLimit: 1000)
    }
  }
}
