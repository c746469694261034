internal import CZlib

/// Bytes that are read once, in order.
package protocol ArrayInput: AnyObject {
  /// The number of bytes that are not read yet.
  var remaining: Int { get }
  /// Reads the next `count` bytes.
  /// - Throws: `FormatError` if fewer remain.
  func read(_ count: Int, into target: UnsafeMutableRawPointer) throws(FormatError)
}

extension ArrayInput {
  /// The next `count` bytes.
  /// - Throws: `FormatError` if fewer remain.
  package func bytes(_ count: Int) throws(FormatError) -> [UInt8] {
    guard count <= remaining else {
      throw FormatError(.malformed("the data ends early", offset: count))
    }
    var failure: FormatError?
    let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, used in
      guard let target = buffer.baseAddress else { return }
      do throws(FormatError) {
        try read(count, into: target)
        used = count
      } catch {
        failure = error
      }
    }
    if let failure { throw failure }
    return bytes
  }
}

/// A range of a file.
package final class PlainInput: ArrayInput {
  private let source: ByteSource
  private var range: Range<Int>

  package init(_ source: ByteSource, _ range: Range<Int>) {
    self.source = source
    self.range = range
  }

  package var remaining: Int { range.count }

  package func read(_ count: Int, into target: UnsafeMutableRawPointer) throws(FormatError) {
    guard count <= range.count else {
      throw FormatError(.malformed("the data ends early", offset: range.upperBound))
    }
    try source.read(range.lowerBound..<range.lowerBound + count, into: target)
    range = range.lowerBound + count..<range.upperBound
  }
}

/// A range of a file that is compressed (deflate). Its decompressed size is known.
package final class InflatingInput: ArrayInput {
  private let source: ByteSource
  private var compressed: Range<Int>
  package private(set) var remaining: Int
  private var stream = z_stream()
  private var piece: [UInt8] = []
  /// The number of bytes of `piece` that are decompressed.
  private var used = 0

  package init(_ source: ByteSource, _ compressed: Range<Int>, size: Int) throws(FormatError) {
    self.source = source
    self.compressed = compressed
    self.remaining = size
    // Negative for deflate data without a zlib header, as in zip files.
    guard
      inflateInit2_(
        &stream, -MAX_WBITS, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK
    else { throw FormatError(.outOfMemory(bytes: 1 << 15)) }
  }

  deinit { inflateEnd(&stream) }

  package func read(_ count: Int, into target: UnsafeMutableRawPointer) throws(FormatError) {
    guard count <= remaining else {
      throw FormatError(.malformed("the data ends early", offset: compressed.upperBound))
    }
    var done = 0
    while done < count {
      if used == piece.count {
        let size = min(compressed.count, 64 << 10)
        piece = try source.bytes(compressed.lowerBound..<compressed.lowerBound + size)
        compressed = compressed.lowerBound + size..<compressed.upperBound
        used = 0
      }
      let wanted = min(count - done, 1 << 30)
      let given = piece.count - used
      let status = piece.withUnsafeMutableBufferPointer { buffer in
        stream.next_in = buffer.baseAddress.map { $0 + used }
        stream.avail_in = UInt32(given)
        stream.next_out = (target + done).assumingMemoryBound(to: UInt8.self)
        stream.avail_out = UInt32(wanted)
        return inflate(&stream, Z_NO_FLUSH)
      }
      let made = wanted - Int(stream.avail_out)
      let taken = given - Int(stream.avail_in)
      done += made
      used += taken
      let goesOn =
        (status == Z_OK || status == Z_BUF_ERROR)
        && (made > 0 || taken > 0 || used == piece.count && !compressed.isEmpty)
      guard goesOn || status == Z_STREAM_END && done == count else {
        throw FormatError(
          .malformed("the compressed data cannot be decompressed", offset: compressed.lowerBound))
      }
    }
    remaining -= count
  }
}

/// An input that computes the checksum of the bytes read from it.
final class CheckedInput<Base: ArrayInput>: ArrayInput {
  private let base: Base
  private(set) var checksum: UInt32 = 0

  init(_ base: Base) { self.base = base }

  var remaining: Int { base.remaining }

  func read(_ count: Int, into target: UnsafeMutableRawPointer) throws(FormatError) {
    try base.read(count, into: target)
    checksum = crc(checksum, UnsafeRawBufferPointer(start: target, count: count))
  }
}

/// Continues a CRC-32 checksum, as zip files use it.
package func crc(_ start: UInt32, _ bytes: UnsafeRawBufferPointer) -> UInt32 {
  UInt32(
    truncatingIfNeeded: crc32_z(
      UInt(start), bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), bytes.count))
}
