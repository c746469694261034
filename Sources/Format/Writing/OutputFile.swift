import Glibc

/// A file that is written under a temporary name and replaces an older one when it is complete.
package final class OutputFile {
  private let path: String
  /// The path as it was given, for errors.
  private let given: String
  private let temporary: TemporaryName?
  private let descriptor: Int32
  private var buffer: [UInt8] = []
  private static let bufferSize = 256 << 10

  /// Creates the file. A file that exists at the path stays as it is until `commit`. Temporary files
  /// that killed writes to the same path have left are removed.
  /// - Parameter replacesLink: whether a symbolic link at the path is replaced, rather than the file
  ///   that it leads to
  /// - Throws: `FormatError`, with the path, if it cannot be created.
  package init(_ path: String, replacesLink: Bool = false) throws(FormatError) {
    if path.utf8.contains(0) {
      throw FormatError(.invalid("the path contains a NUL character"), in: path)
    }
    given = path
    self.path = replacesLink ? path : resolved(path)

    var status = stat()
    let exists = (replacesLink ? lstat(self.path, &status) : stat(self.path, &status)) == 0
    let kind = status.st_mode & S_IFMT
    if exists, kind != S_IFREG, kind != S_IFLNK {
      guard kind != S_IFDIR else { throw FormatError(.notAFile("a directory"), in: path) }
      temporary = nil
      // Without O_NONBLOCK, opening a named pipe that nobody reads would block.
      descriptor = open(self.path, O_WRONLY | O_CLOEXEC | O_NONBLOCK)
      guard descriptor >= 0 else {
        let isUnread = errno == ENXIO && kind == S_IFIFO
        throw FormatError(
          isUnread ? .notAFile("a pipe that nobody reads") : .system(errno), in: path)
      }
      _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) & ~O_NONBLOCK)
    } else {
      TemporaryName.removeLeftovers(of: self.path)
      let mode = exists && kind == S_IFREG ? status.st_mode & 0o777 : 0o666
      let name = TemporaryName(for: self.path)
      temporary = name
      descriptor = name.create(mode: mode)
      guard descriptor >= 0 else { throw FormatError(.system(errno), in: path) }
    }
  }

  private var isOpen = true

  deinit {
    guard isOpen else { return }
    close(descriptor)
    if let temporary { unlink(temporary.path) }
  }

  /// Appends bytes.
  package func write(_ bytes: UnsafeRawBufferPointer) throws(FormatError) {
    if buffer.count + bytes.count > Self.bufferSize { try flush() }
    if bytes.count >= Self.bufferSize {
      try put(bytes)
    } else {
      buffer.append(contentsOf: bytes)
    }
  }

  private func flush() throws(FormatError) {
    let full = buffer
    let result: Result<Void, FormatError> = full.withUnsafeBytes { bytes in
      Result { () throws(FormatError) in try put(bytes) }
    }
    try result.get()
    buffer.removeAll(keepingCapacity: true)
  }

  private func put(_ bytes: UnsafeRawBufferPointer) throws(FormatError) {
    var rest = bytes
    while !rest.isEmpty {
      let written = Glibc.write(descriptor, rest.baseAddress, min(rest.count, 1 << 30))
      if written >= 0 {
        rest = UnsafeRawBufferPointer(rebasing: rest[written...])
      } else if errno != EINTR {
        throw FormatError(.system(errno), in: given)
      }
    }
  }

  /// Completes the file and moves it to its path.
  package func commit() throws(FormatError) {
    try flush()
    isOpen = false
    // Keeps the lock until the file has its name, so that no other process takes it for a leftover.
    let lock = temporary == nil ? -1 : dup(descriptor)
    defer { if lock >= 0 { close(lock) } }
    guard close(descriptor) == 0 else {
      let number = errno
      if let temporary { unlink(temporary.path) }
      throw FormatError(.system(number), in: given)
    }
    if let temporary, rename(temporary.path, path) != 0 {
      let number = errno
      unlink(temporary.path)
      throw FormatError(.system(number), in: given)
    }
  }

  /// Writes bytes as a file.
  /// - Throws: `FormatError`, with the path; an older file then stays as it was.
  package static func write(_ bytes: [UInt8], to path: String) throws(FormatError) {
    let file = try OutputFile(path)
    let result: Result<Void, FormatError> = bytes.withUnsafeBytes { buffer in
      Result { () throws(FormatError) in try file.write(buffer) }
    }
    try result.get()
    try file.commit()
  }
}

/// The path that a symbolic link leads to; the path itself where it leads to no file.
func resolved(_ path: String) -> String {
  guard let pointer = realpath(path, nil) else { return path }
  defer { free(pointer) }
  return String(cString: pointer)
}
