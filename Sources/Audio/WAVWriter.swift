import ONNXFormat

extension Sound {
  /// Writes a RIFF/WAVE file of 16-bit samples, which are rounded, and clamped to −1…1. NaN becomes 0.
  /// - Throws: `FormatError`, with the path, if the file cannot be written or would exceed 4 GB
  public func writeWAV(to path: String) throws(FormatError) {
    let (size, overflow) = samples.count.multipliedReportingOverflow(by: 2)
    guard !overflow, size <= Int(UInt32.max) - 36, rate <= Int(UInt32.max) / (2 * channels),
      channels <= Int(UInt16.max) / 2
    else {
      throw FormatError(.limit("a RIFF/WAVE file cannot hold \(samples.count) samples"), in: path)
    }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(44 + size)
    func append(_ number: Int, _ count: Int) {
      for index in 0..<count { bytes.append(UInt8(truncatingIfNeeded: number >> (8 * index))) }
    }
    bytes += "RIFF".utf8
    append(36 + size, 4)
    bytes += "WAVEfmt ".utf8
    for (number, count) in [
      (16, 4), (1, 2), (channels, 2), (rate, 4), (2 * channels * rate, 4), (2 * channels, 2),
      (16, 2),
    ] { append(number, count) }
    bytes += "data".utf8
    append(size, 4)
    for sample in samples {
      let scaled = sample.isNaN ? 0 : (sample * 0x8000).rounded(.toNearestOrEven)
      append(Int(min(max(scaled, -0x8000), 0x7FFF)), 2)
    }
    try OutputFile.write(bytes, to: path)
  }
}
