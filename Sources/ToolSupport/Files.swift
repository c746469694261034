import Glibc

/// The first bytes of a file, fewer where it is shorter.
/// - Throws: `Failure`, with the path
func firstBytes(of path: String, count: Int) throws(Failure) -> [UInt8] {
  let file = open(path, O_RDONLY | O_CLOEXEC)
  guard file >= 0 else { throw systemFailure(path) }
  defer { close(file) }
  var bytes = [UInt8](repeating: 0, count: count)
  let got = read(file, &bytes, count)
  guard got >= 0 else { throw systemFailure(path) }
  return Array(bytes.prefix(got))
}

/// A text file of at most 16 MB; invalid UTF-8 is replaced.
/// - Throws: `Failure`, with the path
public func readText(_ path: String) throws(Failure) -> String {
  let limit = 16 << 20
  let file = open(path, O_RDONLY | O_CLOEXEC)
  guard file >= 0 else { throw systemFailure(path) }
  defer { close(file) }
  var bytes: [UInt8] = []
  var chunk = [UInt8](repeating: 0, count: 1 << 16)
  while bytes.count <= limit {
    let got = read(file, &chunk, chunk.count)
    if got < 0 {
      if errno == EINTR { continue }
      throw systemFailure(path)
    }
    if got == 0 { break }
    bytes += chunk.prefix(got)
  }
  guard bytes.count <= limit else { throw Failure("\(path): more than \(limit) bytes") }
  return String(decoding: bytes, as: UTF8.self)
}

/// Writes a text file, in place of any that is there.
/// - Throws: `Failure`, with the path
public func writeText(_ text: String, to path: String) throws(Failure) {
  guard let file = fopen(path, "we") else { throw systemFailure(path) }
  let bytes = Array(text.utf8)
  let isWritten = fwrite(bytes, 1, bytes.count, file) == bytes.count
  let isClosed = fclose(file) == 0
  guard isWritten, isClosed else { throw systemFailure(path) }
}

/// Makes a folder and those above it, where they are not there yet.
/// - Throws: `Failure`, with the path
public func makeFolder(_ path: String) throws(Failure) {
  var isThere = stat()
  if stat(path, &isThere) == 0 {
    guard isThere.st_mode & S_IFMT == S_IFDIR else { throw Failure("\(path): is not a folder") }
    return
  }
  guard path.utf8.count < PATH_MAX else {
    throw Failure("the path is too long: \(path.prefix(60))…")
  }
  if let slash = path.lastIndex(of: "/"), slash > path.startIndex {
    try makeFolder(String(path[..<slash]))
  }
  if mkdir(path, 0o777) != 0, errno != EEXIST { throw systemFailure(path) }
}

/// Whether there is a file, folder or anything else of that name.
public func fileExists(_ path: String) -> Bool { access(path, F_OK) == 0 }

/// Whether the path leads to a folder.
public func isFolder(_ path: String) -> Bool {
  var status = stat()
  return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
}

/// What a folder holds, without `.` and `..`, in no particular order.
/// - Throws: `Failure`, with the path
public func entries(of folder: String) throws(Failure) -> [String] {
  guard let directory = opendir(folder) else { throw systemFailure(folder) }
  defer { closedir(directory) }
  var names: [String] = []
  while let entry = readdir(directory) {
    let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
      String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
    }
    if name != ".", name != ".." { names.append(name) }
  }
  return names
}

/// What makes two paths the same file.
public struct FileIdentity: Hashable, Sendable {
  private let device: UInt
  private let number: UInt

  /// - Throws: `Failure`, with the path
  public init(_ path: String) throws(Failure) {
    var status = stat()
    guard stat(path, &status) == 0 else { throw systemFailure(path) }
    device = UInt(status.st_dev)
    number = UInt(status.st_ino)
  }
}

/// What the system says of the last call that failed.
func systemFailure(_ path: String) -> Failure {
  Failure("\(path): \(String(cString: strerror(errno)))")
}

/// Bytes in a file.
/// - Throws: `Failure`, with the path
public func fileSize(_ path: String) throws(Failure) -> Int {
  var status = stat()
  guard stat(path, &status) == 0 else { throw systemFailure(path) }
  return Int(status.st_size)
}

/// Makes sure, before hours of work, that a file can be written: its folder is there and takes files.
/// - Throws: `Failure`, with the path
public func checkWritable(_ path: String) throws(Failure) {
  if isFolder(path) { throw Failure("\(path): is a folder") }
  let folder = path.lastIndex(of: "/").map { String(path[...$0]) } ?? "."
  guard access(folder, W_OK | X_OK) == 0 else { throw systemFailure(folder) }
}
