import CZlib
import ONNX

/// The filters that a dataset's chunks went through when they were written.
struct HDF5Filters: Sendable {
  private enum Filter: Int {
    case deflate = 1
    case shuffle = 2
    case fletcher32 = 3
  }

  private var filters: [Filter] = []

  var isEmpty: Bool { filters.isEmpty }

  /// - Throws: `FormatError` that names a filter that is not supported
  init(_ message: HDF5Cursor?) throws(FormatError) {
    guard var cursor = message else { return }
    let version = try cursor.int(1)
    guard version == 1 || version == 2 else {
      throw FormatError(.unsupported("version \(version) of HDF5's filters"))
    }
    let count = try cursor.int(1)
    if version == 1 { try cursor.skip(6) }
    guard count <= 32 else { throw FormatError(.invalid("\(count) filters")) }
    for _ in 0..<count {
      let number = try cursor.int(2)
      let nameLength = version == 1 || number >= 256 ? try cursor.int(2) : 0
      try cursor.skip(2)
      let values = try cursor.int(2)
      try cursor.skip(version == 1 ? (nameLength + 7) / 8 * 8 : nameLength)
      try cursor.skip(4 * (version == 1 ? values + values % 2 : values))
      guard let filter = Filter(rawValue: number) else {
        let names = [
          4: "szip", 5: "nbit", 6: "scaleoffset", 32000: "LZF", 32001: "Blosc", 32004: "LZ4",
          32015: "zstd",
        ]
        throw FormatError(
          .unsupported(
            "HDF5 datasets compressed with \(names[number] ?? "filter \(number)"); rewrite the file "
              + "with h5repack -f GZIP=4"))
      }
      filters.append(filter)
    }
  }

  /// A chunk as it was before the filters.
  /// - Parameters:
  ///   - mask: bits of filters that were not applied
  ///   - size: the bytes of the chunk
  func decoded(
    _ bytes: [UInt8], skipping mask: Int, size: Int, elementSize: Int
  ) throws(FormatError) -> [UInt8] {
    var bytes = bytes
    for (index, filter) in filters.enumerated().reversed() where mask >> index & 1 == 0 {
      switch filter {
      case .deflate:
        // Checksums of other filters may be inside.
        bytes = try Self.inflated(bytes, limit: size + 64)
      case .shuffle: bytes = Self.unshuffled(bytes, elementSize)
      case .fletcher32:
        guard bytes.count >= 4 else { throw FormatError(.invalid("a chunk has no checksum")) }
        bytes.removeLast(4)
      }
    }
    return bytes
  }

  /// The bytes of each element, which were stored with all first ones first.
  private static func unshuffled(_ bytes: [UInt8], _ size: Int) -> [UInt8] {
    let count = bytes.count / size
    guard size > 1, count > 1 else { return bytes }
    var result = bytes
    for byte in 0..<size {
      for index in 0..<count { result[index * size + byte] = bytes[byte * count + index] }
    }
    return result
  }

  private static func inflated(_ bytes: [UInt8], limit: Int) throws(FormatError) -> [UInt8] {
    // Deflate expands by at most 1032 times.
    let capacity = min(limit, bytes.count * 1032 + 64)
    var failure: Int32 = 0
    let result = [UInt8](unsafeUninitializedCapacity: capacity) { buffer, count in
      var length = UInt(capacity)
      failure = bytes.withUnsafeBufferPointer {
        uncompress(buffer.baseAddress, &length, $0.baseAddress, UInt($0.count))
      }
      count = failure == Z_OK ? Int(length) : 0
    }
    guard failure == Z_OK else {
      throw FormatError(.invalid("a compressed chunk is damaged"))
    }
    return result
  }
}
