import Glibc
import ONNXFormat

/// Whether a path is one by which the shell hands over a pipe: `-` and `/dev/stdin` for standard input,
/// `/dev/fd/63` for `<(command)`.
package func isConnected(_ path: String) -> Bool {
  path == "-" || path == "/dev/stdin" || path.hasPrefix("/dev/fd/")
    || path.hasPrefix("/proc/self/fd/")
}

/// Whether a path leads to a stream that the shell has connected: standard input, or a pipe.
package func isStream(_ path: String) -> Bool {
  guard path != "-" else { return true }
  var status = stat()
  return isConnected(path) && stat(path, &status) == 0
    && ![S_IFREG, S_IFDIR].contains(status.st_mode & S_IFMT)
}

/// Reads a stream to its end.
/// - Throws: `Failure`, with the path, for more bytes than `limit`
package func readStream(_ path: String, limit: Int) throws(Failure) -> [UInt8] {
  let file = path == "-" ? STDIN_FILENO : try openFile(path)
  defer { if file != STDIN_FILENO { close(file) } }
  guard let bytes = try readAll(file, path, limit: limit) else {
    throw Failure("\(path): the stream is longer than \(limit) bytes")
  }
  return bytes
}

/// A file that can be read at any offset: the path itself, or a temporary file with the contents of a
/// stream that the shell has connected.
package struct RegularFile: Sendable {
  package let path: String
  private let original: String

  /// - Parameter limit: the most bytes of a stream
  /// - Throws: `Failure`, with the path
  package init(_ path: String, limit: Int) throws(Failure) {
    original = path
    guard isStream(path) else {
      self.path = path
      return
    }
    let bytes = try readStream(path, limit: limit)
    // It has no name, and lives until the process ends.
    let folder = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
    var name = Array("\(folder)/onnx-XXXXXX".utf8CString)
    let file = mkstemp(&name)
    guard file >= 0 else { throw systemFailure(folder) }
    unlink(name)
    _ = fcntl(file, F_SETFD, FD_CLOEXEC)
    var start = 0
    while start < bytes.count {
      let count = bytes.withUnsafeBytes { bytes in
        bytes.baseAddress.map { write(file, $0 + start, bytes.count - start) } ?? 0
      }
      if count > 0 { start += count } else if errno != EINTR { throw systemFailure(path) }
    }
    self.path = "/proc/self/fd/\(file)"
  }

  /// Calls `body` with the path to read. Errors have the path as it was given.
  package func read<R>(_ body: (String) throws -> R) throws(Failure) -> R {
    do { return try body(path) } catch {
      let text = "\(error)"
      guard path != original, text.hasPrefix(path) else { throw Failure(text) }
      throw Failure(original + text.dropFirst(path.count))
    }
  }
}

/// Writes text to standard error without buffering.
package func writeError(_ text: String) {
  var rest = Array(text.utf8)[...]
  while !rest.isEmpty {
    let count = rest.withUnsafeBytes { write(STDERR_FILENO, $0.baseAddress, $0.count) }
    if count > 0 { rest = rest.dropFirst(count) } else if errno != EINTR { return }
  }
}
