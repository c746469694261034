import ONNXFormat

extension Sound {
  /// The number of bytes by which `isWAV` recognises a file.
  public static let signatureLength = 12

  /// Whether a file with these first bytes is a RIFF/WAVE file.
  public static func isWAV(signature: [UInt8]) -> Bool {
    signature.count >= signatureLength && signature.starts(with: Array("RIFF".utf8))
      && signature[8..<12].elementsEqual("WAVE".utf8)
  }

  /// Reads a RIFF/WAVE file: integers of 8, 16, 24 or 32 bits, floating-point numbers of 32 or 64
  /// bits, A-law or µ-law (Microsoft, "Multiple channel audio data and WAVE files", 2001; ITU-T
  /// G.711).
  ///
  /// Integers are divided by the largest power of two that they reach, so that −1 is the smallest.
  /// - Parameters:
  ///   - path: the path of the file
  ///   - sampleLimit: the largest number of samples of all channels
  /// - Throws: `FormatError`, with the path, for a damaged file or another encoding
  public init(
    contentsOf path: String, sampleLimit: Int = Sound.defaultSampleLimit
  ) throws(FormatError) {
    let file = try InputFile(path)
    do {
      var reader = WAVReader(ByteSource(file))
      self = try reader.sound(sampleLimit: sampleLimit)
    } catch { throw error.within(path) }
  }
}

/// Reads the chunks of a RIFF/WAVE file.
private struct WAVReader {
  private let source: ByteSource

  init(_ source: ByteSource) { self.source = source }

  private func little(_ place: Int, _ count: Int) throws(FormatError) -> Int {
    var value = 0
    for index in 0..<count { value |= Int(try source.byte(at: place + index)) << (8 * index) }
    return value
  }

  mutating func sound(sampleLimit: Int) throws(FormatError) -> Sound {
    let head = try source.bytes(0..<min(source.count, Sound.signatureLength))
    guard Sound.isWAV(signature: head) else {
      throw FormatError(.malformed("expected a RIFF/WAVE file", offset: 0))
    }
    let stated = 8 + (try little(4, 4))
    // Some programs leave out the byte that pads the last chunk.
    guard stated <= source.count + 1 else { throw cut(4, "the file", stated, source.count) }
    let end = min(stated, source.count)
    var place = Sound.signatureLength
    var encoding: WAVEncoding?
    while end - place >= 8 {
      let name = String(decoding: try source.bytes(place..<place + 4), as: UTF8.self)
      let size = try little(place + 4, 4)
      let start = place + 8
      guard size <= end - start else {
        throw cut(place + 4, "the chunk '\(name)'", size, end - start)
      }
      if name == "fmt " {
        encoding = try WAVEncoding(try source.bytes(start..<start + min(size, 40)), at: start)
      } else if name == "data" {
        guard let encoding else {
          throw FormatError(.malformed("expected a chunk 'fmt ' before 'data'", offset: place))
        }
        return try samples(start..<start + size, encoding, limit: sampleLimit)
      }
      place = start + size + size % 2
    }
    throw FormatError(.malformed("expected a chunk 'data', found none", offset: end))
  }

  private func cut(_ place: Int, _ part: String, _ stated: Int, _ found: Int) -> FormatError {
    FormatError(
      .malformed("\(part) states \(stated) bytes, but the file has \(found)", offset: place))
  }

  private func samples(
    _ range: Range<Int>, _ encoding: WAVEncoding, limit: Int
  ) throws(FormatError) -> Sound {
    let width = encoding.bytes
    guard range.count % (width * encoding.channels) == 0 else {
      throw FormatError(
        .malformed(
          "\(range.count) bytes of samples do not divide into \(encoding.channels) channels of "
            + "\(width) bytes", offset: range.lowerBound))
    }
    let count = range.count / width
    guard count <= limit else {
      throw FormatError(.limit("\(count) samples exceed the limit of \(limit) samples"))
    }
    var samples: [Float] = []
    samples.reserveCapacity(count)
    var place = range.lowerBound
    while place < range.upperBound {
      let piece = try source.bytes(place..<min(place + 4096 * width, range.upperBound))
      for start in stride(from: 0, to: piece.count, by: width) {
        samples.append(encoding.sample(piece[start..<start + width]))
      }
      place += piece.count
    }
    return Sound(rate: encoding.rate, channels: encoding.channels, samples: samples)
  }
}
