internal import CZlib
import Glibc

/// A regular file that is read once from start to end. Gzip data, recognised by its first bytes, is
/// decompressed.
package final class DataFile {
  package let path: String
  private let descriptor: Int32
  private var stream = z_stream()
  private var isCompressed = false
  private let fileSize: Int
  /// The bytes read ahead, and how many of them are used.
  private var ahead: [UInt8] = []
  private var used = 0
  /// Whether a gzip member is incomplete.
  private var isInside = false
  private static let pieceSize = 64 << 10

  /// Opens a file.
  /// - Throws: `DataError` if there is no such file, or it is not a regular file.
  package init(_ path: String) throws(DataError) {
    guard !path.utf8.contains(0) else {
      throw DataError("a path cannot contain a NUL character", in: path)
    }
    // Without O_NONBLOCK, opening a named pipe would block.
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
    // 16 selects the gzip format.
    guard
      inflateInit2_(
        &stream, 16 + MAX_WBITS, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK
    else { throw DataError("out of memory while decompressing", in: path) }
    isInside = true
  }

  deinit {
    if isCompressed { inflateEnd(&stream) }
    if descriptor >= 0 { close(descriptor) }
  }

  /// Reads the next bytes once those read ahead are used up; none at the end of the file.
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

  /// An upper bound of the content's size: deflate expands a byte to at most 1032.
  var mostBytes: Int {
    let (bytes, overflow) = fileSize.multipliedReportingOverflow(by: isCompressed ? 1032 : 1)
    return overflow ? .max : bytes
  }

  /// Fills `target`.
  /// - Returns: The number of bytes read, which is less than that of `target` only at the end of the
  ///   file.
  package func read(into target: UnsafeMutableRawBufferPointer) throws(DataError) -> Int {
    var count = 0
    while count < target.count {
      let rest = UnsafeMutableRawBufferPointer(rebasing: target[count...])
      let some = try readSome(rest)
      if some == 0 { break }
      count += some
    }
    return count
  }

  /// Reads `limit` bytes, or fewer at the end of the file.
  func read(upTo limit: Int) throws(DataError) -> [UInt8] {
    var result: [UInt8] = []
    // `limit` may come from a header: reserve no more than a few megabytes before reading.
    result.reserveCapacity(min(limit, 4 << 20))
    while result.count < limit {
      let piece = try nextPiece(min(limit - result.count, 1 << 20))
      if piece.isEmpty { break }
      result += piece
    }
    return result
  }

  /// Reads at least one and at most `limit` bytes; none at the end of the file.
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

  /// Reads at least one byte into `target`, which must not be empty; none at the end of the file.
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
        // A gzip file may consist of several members. The last may be padded with zeros.
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

  /// Reads all remaining bytes.
  /// - Throws: `DataError` if there are more than `limit`.
  func readAll(limit: Int) throws(DataError) -> [UInt8] {
    let bytes = try read(upTo: limit)
    guard try nextPiece(1).isEmpty else {
      throw DataError("expected at most \(limit) bytes, found more", in: path)
    }
    return bytes
  }

  /// Whether no bytes remain.
  func isAtEnd() throws(DataError) -> Bool { try nextPiece(1).isEmpty }
}

/// Reads a text file, gzipped or not, as UTF-8, or as Latin-1 if it is not valid UTF-8.
/// - Throws: `DataError` if the text is longer than `limit` bytes.
func readTextData(_ path: String, limit: Int = 256 << 20) throws(DataError) -> String {
  decodedText(try DataFile(path).readAll(limit: limit))
}

/// Decodes UTF-8, or Latin-1 if the bytes are not valid UTF-8, without the byte order mark.
func decodedText(_ bytes: [UInt8]) -> String {
  let bytes = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? bytes[3...] : bytes[...]
  if let text = String(validating: bytes, as: UTF8.self) { return text }
  var text = String.UnicodeScalarView()
  for byte in bytes { text.append(Unicode.Scalar(byte)) }
  return String(text)
}

/// The sorted names of a folder's entries, except those that begin with a dot.
/// - Throws: `DataError` if there is no such folder, or it has more than `limit` entries.
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
    if names.count > limit {
      throw DataError("expected at most \(limit) files in the folder, found more", in: path)
    }
  }
  return names.sorted { $0.unicodeScalars.lexicographicallyPrecedes($1.unicodeScalars) }
}

/// Whether there is a folder at the path.
func isDataFolder(_ path: String) -> Bool {
  var status = stat()
  return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
}

/// Whether there is a file or folder at the path.
func dataExists(_ path: String) -> Bool { access(path, F_OK) == 0 }
