@preconcurrency import Glibc
import Synchronization

/// Standard output, whose errors a tool must not lose.
package enum StandardOutput {
  /// The `errno` of the first write that failed; 0 for none.
  private static let failure = Atomic<Int32>(0)

  /// Writes what is buffered.
  /// - Returns: whether everything so far could be written
  @discardableResult
  package static func flush() -> Bool {
    if fflush(stdout) != 0 {
      _ = failure.compareExchange(expected: 0, desired: errno, ordering: .relaxed)
    }
    return failure.load(ordering: .relaxed) == 0 && ferror(stdout) == 0
  }

  /// Writes what is buffered, for the last time.
  /// - Returns: the system's message if something could not be written; `nil` also if the reader of a
  ///   pipe has gone away, since it has what it wanted
  static func finish() -> String? {
    guard !flush() else { return nil }
    var number = failure.load(ordering: .relaxed)
    if number == 0 {
      // The number of a write in between is lost; the next one fails likewise.
      clearerr(stdout)
      number = fputc(0x0A, stdout) < 0 || fflush(stdout) != 0 ? errno : EIO
    }
    return number == EPIPE ? nil : String(cString: strerror(number))
  }

  /// Opens something in the place of closed standard streams, so that no other file takes their
  /// numbers. Reading and writing them fails.
  static func reserveStreams() {
    for stream in [STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO]
    where fcntl(stream, F_GETFD) < 0 {
      _ = open("/dev/null", stream == STDIN_FILENO ? O_WRONLY : O_RDONLY)
    }
  }
}
