internal import CZlib
import Glibc

/// A regular file that is read once from front to back, through gzip where its first bytes say so.
final class DataFile {
  let path: String
  private let descriptor: Int32
  private var stream = z_stream()
  private var isCompressed = false
  private let fileSize: Int
  /// Bytes of the file that were read ahead, and how many of them are used.
  private var ahead: [UInt8] = []
  private var used = 0
  private var isInside = false
  private static let pieceSize = 64 << 10

  /// - Throws: `DataError` where there is no such file, or it is none.
  init(_ path: String) throws(DataError) {
    guard !path.utf8.contains(0) else {
      throw DataError("a path cannot hold a NUL character", in: path)
    }
    // Without O_NONBLOCK a named pipe would hang here.
    descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    self.path = path
    guard descriptor >= 0 else { throw .system(path) }
    var status = stat()
    let isKnown = fstat(descriptor, &status) == 0
    fileSize = isKnown ? Int(status.st_size) : 0
    guard isKnown else { throw .system(path) }
    guard status.st_mode & S_IFMT == S_IFREG else {
      let isFolder = status.st_mode & S_IFMT == S_IFDIR
      throw DataError(
        "expected a file, found a \(isFolder ? "folder" : "device or pipe")", in: path)
    }
    try readAhead()
    guard ahead.starts(with: [0x1F, 0x8B]) else { return }
    isCompressed = true
    // 16: a gzip header and check sum.
    guard
      inflateInit2_(
        &stream, 16 + MAX_WBITS, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK
    else { throw DataError("no memory to decompress it", in: path) }
    isInside = true
  }

  deinit {
    if isCompressed { inflateEnd(&stream) }
    if descriptor >= 0 { close(descriptor) }
  }

  /// Replaces the bytes read ahead, which are used up, by the next ones; none at the end.
  private func readAhead() throws(DataError) {
    used = 0
    var got = -1
    let descriptor = descriptor
    ahead = [UInt8](unsafeUninitializedCapacity: Self.pieceSize) { buffer, count in
      repeat {
        got = Glibc.read(descriptor, buffer.baseAddress, Self.pieceSize)
      } while got < 0 && errno == EINTR
      count = max(got, 0)
    }
    if got < 0 { throw .system(path) }
  }

  /// More bytes than the file can hold: deflate makes no more than 1032 of one.
  var mostBytes: Int {
    let (bytes, overflow) = fileSize.multipliedReportingOverflow(by: isCompressed ? 1032 : 1)
    return overflow ? .max : bytes
  }

  /// Reads as many bytes as `target` has.
  /// - Returns: how many there were, fewer only at the end of the file
  func read(into target: UnsafeMutableRawBufferPointer) throws(DataError) -> Int {
    var count = 0
    while count < target.count {
      let rest = UnsafeMutableRawBufferPointer(rebasing: target[count...])
      let some = try readSome(rest)
      if some == 0 { break }
      count += some
    }
    return count
  }

  /// Reads up to `limit` bytes: fewer only at the end of the file.
  func read(upTo limit: Int) throws(DataError) -> [UInt8] {
    var result: [UInt8] = []
    // The size that a header states is believed only as far as the file bears it out.
    result.reserveCapacity(min(limit, 4 << 20))
    while result.count < limit {
      let piece = try nextPiece(min(limit - result.count, 1 << 20))
      if piece.isEmpty { break }
      result += piece
    }
    return result
  }

  /// At least one and at most `limit` bytes; none at the end of the file.
  private func nextPiece(_ limit: Int) throws(DataError) -> [UInt8] {
    var failure: DataError?
    let piece = [UInt8](unsafeUninitializedCapacity: limit) { buffer, count in
      do throws(DataError) {
        count = try readSome(UnsafeMutableRawBufferPointer(buffer))
      } catch { failure = error }
    }
    if let failure { throw failure }
    return piece
  }

  /// Reads at least one byte into `target`, which is not empty; none at the end of the file.
  private func readSome(_ target: UnsafeMutableRawBufferPointer) throws(DataError) -> Int {
    if !isCompressed {
      if used == ahead.count { try readAhead() }
      let count = min(ahead.count - used, target.count)
      target.copyBytes(from: ahead[used..<used + count])
      used += count
      return count
    }
    let limit = min(target.count, 1 << 30)
    while true {
      if used == ahead.count { try readAhead() }
      if ahead.isEmpty {
        guard !isInside else { throw DataError("the gzip data ends early", in: path) }
        return 0
      }
      if !isInside {
        // A gzip file may hold several members; zeros may pad the last.
        while used < ahead.count, ahead[used] == 0 { used += 1 }
        if used == ahead.count { continue }
        inflateReset(&stream)
        isInside = true
      }
      var status = Z_OK
      let given = ahead.count - used
      ahead.withUnsafeMutableBufferPointer { input in
        stream.next_in = input.baseAddress.map { $0 + used }
        stream.avail_in = UInt32(given)
        stream.next_out = target.baseAddress?.assumingMemoryBound(to: UInt8.self)
        stream.avail_out = UInt32(limit)
        status = inflate(&stream, Z_NO_FLUSH)
      }
      let made = limit - Int(stream.avail_out)
      used += given - Int(stream.avail_in)
      guard status == Z_OK || status == Z_STREAM_END || status == Z_BUF_ERROR else {
        throw DataError("the gzip data is damaged", in: path)
      }
      if status == Z_STREAM_END { isInside = false }
      if made > 0 { return made }
    }
  }

  /// All bytes from here on.
  /// - Throws: `DataError` where they are more than `limit`.
  func readAll(limit: Int) throws(DataError) -> [UInt8] {
    let bytes = try read(upTo: limit)
    guard try nextPiece(1).isEmpty else {
      throw DataError("expected at most \(limit) bytes, found more", in: path)
    }
    return bytes
  }

  /// Whether all was read.
  func isAtEnd() throws(DataError) -> Bool { try nextPiece(1).isEmpty }
}

/// The text of a file, gzipped or not: UTF-8, or Latin-1 where the bytes are not that.
/// - Throws: `DataError` where it is more than `limit` bytes.
public func readTextData(_ path: String, limit: Int = 256 << 20) throws(DataError) -> String {
  decodedText(try DataFile(path).readAll(limit: limit))
}

/// UTF-8, or Latin-1 where the bytes are not that; a byte order mark at the front is dropped.
func decodedText(_ bytes: [UInt8]) -> String {
  let bytes = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? bytes[3...] : bytes[...]
  if let text = String(validating: bytes, as: UTF8.self) { return text }
  var text = String.UnicodeScalarView()
  for byte in bytes { text.append(Unicode.Scalar(byte)) }
  return String(text)
}

/// The names in a folder, sorted, without those that begin with a dot.
/// - Throws: `DataError` where there is no such folder, or it holds more than `limit`.
func folderEntries(_ path: String, limit: Int = 10_000_000) throws(DataError) -> [String] {
  guard let directory = opendir(path) else { throw .system(path) }
  defer { closedir(directory) }
  var names: [String] = []
  while let entry = readdir(directory) {
    let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
      String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
    }
    if name.hasPrefix(".") { continue }
    names.append(name)
    if names.count > limit { throw DataError("more than \(limit) files in the folder", in: path) }
  }
  return names.sorted { $0.unicodeScalars.lexicographicallyPrecedes($1.unicodeScalars) }
}

/// Whether the path leads to a folder.
func isDataFolder(_ path: String) -> Bool {
  var status = stat()
  return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
}

/// Whether there is anything at the path.
func dataExists(_ path: String) -> Bool { access(path, F_OK) == 0 }
