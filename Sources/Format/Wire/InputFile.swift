import Glibc

/// An open regular file, read at any offset.
package final class InputFile: Sendable {
  /// The path it was opened at.
  package let path: String
  /// The size in bytes.
  package let count: Int
  /// The number of hard links.
  let linkCount: Int
  /// The identity of the file, which is the same for all its paths.
  let identity: Identity
  private let descriptor: Int32
  /// The offset of the first byte in the file that is open.
  private let start: Int

  struct Identity: Hashable, Sendable {
    var device: UInt
    var inode: UInt
  }

  /// Opens a file.
  /// - Throws: `FormatError`, with the path, if it cannot be opened or is not a regular file.
  package init(_ path: String) throws(FormatError) {
    if path.utf8.contains(0) {
      throw FormatError(.invalid("the path contains a NUL character"), in: path)
    }
    // Without O_NONBLOCK, opening a named pipe would block.
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw FormatError(.system(errno), in: path) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else {
      let number = errno
      close(descriptor)
      throw FormatError(.system(number), in: path)
    }
    guard status.st_mode & S_IFMT == S_IFREG else {
      close(descriptor)
      let isFolder = status.st_mode & S_IFMT == S_IFDIR
      throw FormatError(.notAFile(isFolder ? "a directory" : "a device, pipe or socket"), in: path)
    }
    self.path = path
    self.descriptor = descriptor
    self.count = Int(status.st_size)
    self.start = 0
    self.linkCount = Int(status.st_nlink)
    self.identity = Identity(device: UInt(status.st_dev), inode: UInt(status.st_ino))
  }

  /// A range of a file as a file of its own, such as an entry of an archive.
  /// - Throws: `FormatError` outside the file, or where the system has no more descriptors.
  package init(part range: Range<Int>, of file: InputFile) throws(FormatError) {
    guard range.lowerBound >= 0, range.upperBound <= file.count else {
      throw FormatError(.malformed("the file ends early", offset: file.count))
    }
    let descriptor = fcntl(file.descriptor, F_DUPFD_CLOEXEC, 0)
    guard descriptor >= 0 else { throw FormatError(.system(errno), in: file.path) }
    self.path = file.path
    self.descriptor = descriptor
    self.count = range.count
    self.start = file.start + range.lowerBound
    self.linkCount = file.linkCount
    self.identity = file.identity
  }

  deinit { close(descriptor) }

  /// Reads `count` bytes from `offset` on into `target`.
  /// - Throws: `FormatError` if the file ends before or cannot be read.
  package func read(_ count: Int, at offset: Int, into target: UnsafeMutableRawPointer)
    throws(FormatError)
  {
    guard count <= 0 || offset >= 0 && offset <= self.count && count <= self.count - offset else {
      throw FormatError(.malformed("the file ends early", offset: self.count))
    }
    var done = 0
    while done < count {
      let step = pread(
        descriptor, target + done, min(count - done, 1 << 30), off_t(start + offset + done))
      if step > 0 {
        done += step
      } else if step == 0 {
        throw FormatError(.malformed("the file ends early", offset: offset + done))
      } else if errno != EINTR {
        throw FormatError(.system(errno))
      }
    }
  }

  /// The path of the open file without symbolic links.
  func resolvedPath() throws(FormatError) -> String {
    var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
    let length = readlink("/proc/self/fd/\(descriptor)", &buffer, buffer.count)
    guard length > 0, length < buffer.count else { throw FormatError(.system(errno), in: path) }
    return String(decoding: buffer[..<length].map(UInt8.init(bitPattern:)), as: UTF8.self)
  }
}
