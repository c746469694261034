import Glibc

/// An unnamed file in memory that holds one input after another.
public final class ScratchFile: Sendable {
  /// The file cannot be created or written; `errno` says why.
  public struct Failure: Error {
    /// The error number of the system call.
    public let errno: Int32
  }

  private let descriptor: CInt

  /// - Throws: `Failure` where `/dev/shm` takes no new file.
  public init() throws(Failure) {
    var path = Array("/dev/shm/fuzz-XXXXXX".utf8CString)
    descriptor = mkstemp(&path)
    guard descriptor >= 0, unlink(path) == 0 else { throw Failure(errno: errno) }
  }

  deinit { close(descriptor) }

  /// Where a reader opens the file.
  public var path: String { "/proc/self/fd/\(descriptor)" }

  /// Makes these bytes the whole file.
  /// - Throws: `Failure` where they cannot be written.
  public func replaceContents(with bytes: UnsafeRawBufferPointer) throws(Failure) {
    guard pwrite(descriptor, bytes.baseAddress, bytes.count, 0) == bytes.count,
      ftruncate(descriptor, off_t(bytes.count)) == 0
    else { throw Failure(errno: errno) }
  }
}
