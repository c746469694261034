import Glibc

/// A file that is written beside its place and takes it once it is whole.
package final class OutputFile {
  private let path: String
  private let temporary: String?
  private let descriptor: Int32
  private var buffer: [UInt8] = []
  private static let bufferSize = 256 << 10

  /// - Throws: `FormatError` where the file cannot be made. Only `commit` touches what is there.
  package init(_ path: String) throws(FormatError) {
    if path.utf8.contains(0) {
      throw FormatError(.invalid("a path cannot hold a NUL character"), in: path)
    }
    // A link keeps pointing where it does; what it points to is replaced.
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

  /// Writes what is left and puts the file in its place.
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
