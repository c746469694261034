import Glibc

/// A file that is written under a temporary name and replaces an older one when it is complete.
package final class OutputFile {
  private let path: String
  private let temporary: String?
  private let descriptor: Int32
  private var buffer: [UInt8] = []
  private static let bufferSize = 256 << 10

  /// Creates the file. A file that exists at the path stays as it is until `commit`.
  /// - Throws: `FormatError`, with the path, if it cannot be created.
  package init(_ path: String) throws(FormatError) {
    if path.utf8.contains(0) {
      throw FormatError(.invalid("the path contains a NUL character"), in: path)
    }
    // A symbolic link stays; the file that it leads to is replaced.
    self.path =
      realpath(path, nil).map { pointer in
        defer { free(pointer) }
        return String(cString: pointer)
      } ?? path

    var status = stat()
    let exists = stat(self.path, &status) == 0
    if exists, status.st_mode & S_IFMT != S_IFREG {
      guard status.st_mode & S_IFMT != S_IFDIR else {
        throw FormatError(.notAFile("a directory"), in: path)
      }
      temporary = nil
      descriptor = open(self.path, O_WRONLY | O_CLOEXEC)
    } else {
      let mode = exists ? status.st_mode & 0o777 : 0o666
      let name = "\(self.path).\(getpid()).\(UInt32.random(in: 0 ... .max)).tmp"
      temporary = name
      descriptor = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode)
    }
    guard descriptor >= 0 else { throw FormatError(.system(errno), in: path) }
  }

  private var isOpen = true

  deinit {
    guard isOpen else { return }
    close(descriptor)
    if let temporary { unlink(temporary) }
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
        throw FormatError(.system(errno), in: path)
      }
    }
  }

  /// Completes the file and moves it to its path.
  package func commit() throws(FormatError) {
    try flush()
    isOpen = false
    guard close(descriptor) == 0 else {
      let number = errno
      if let temporary { unlink(temporary) }
      throw FormatError(.system(number), in: path)
    }
    if let temporary, rename(temporary, path) != 0 {
      let number = errno
      unlink(temporary)
      throw FormatError(.system(number), in: path)
    }
  }
}
