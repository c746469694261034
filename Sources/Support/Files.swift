import Glibc
import ONNXFormat

/// The first `count` bytes of a file, or all of a shorter one.
/// - Throws: `Failure`, with the path
package func firstBytes(of path: String, count: Int) throws(Failure) -> [UInt8] {
  let file = try openFile(path)
  defer { close(file) }
  var bytes = [UInt8](repeating: 0, count: count)
  let got = read(file, &bytes, count)
  guard got >= 0 else { throw systemFailure(path) }
  return Array(bytes.prefix(got))
}

/// Reads a text file. Invalid UTF-8 is replaced by U+FFFD.
/// - Parameter limit: the most bytes
/// - Throws: `Failure`, with the path
package func readText(_ path: String, limit: Int = 16 << 20) throws(Failure) -> String {
  let file = try openFile(path)
  defer { close(file) }
  guard let bytes = try readAll(file, path, limit: limit) else {
    throw Failure("\(path): the file is larger than \(limit) bytes")
  }
  return String(decoding: bytes, as: UTF8.self)
}

/// Opens a regular file, or a pipe that the shell has connected, for reading.
/// - Throws: `Failure`, with the path; a named pipe or a device is refused rather than waited for
func openFile(_ path: String) throws(Failure) -> Int32 {
  guard !path.utf8.contains(0) else { throw Failure("\(path): the path contains a NUL character") }
  // Without O_NONBLOCK, opening a named pipe would block.
  let file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
  guard file >= 0 else { throw systemFailure(path) }
  var status = stat()
  guard fstat(file, &status) == 0 else {
    let failure = systemFailure(path)
    close(file)
    throw failure
  }
  let kind = status.st_mode & S_IFMT
  guard kind == S_IFREG || kind != S_IFDIR && isConnected(path) else {
    close(file)
    throw Failure(path, FormatError(.notAFile(kind == S_IFDIR ? "a directory" : specialFile)))
  }
  _ = fcntl(file, F_SETFL, fcntl(file, F_GETFL) & ~O_NONBLOCK)
  return file
}

private let specialFile = "a device, pipe or socket"

/// Reads all bytes of an open file.
/// - Returns: `nil` if there are more than `limit`
func readAll(_ file: Int32, _ path: String, limit: Int) throws(Failure) -> [UInt8]? {
  var bytes: [UInt8] = []
  var chunk = [UInt8](repeating: 0, count: 1 << 16)
  while bytes.count <= limit {
    let got = read(file, &chunk, chunk.count)
    if got < 0 {
      if errno == EINTR { continue }
      throw systemFailure(path)
    }
    if got == 0 { return bytes }
    bytes += chunk.prefix(got)
  }
  return nil
}

/// Writes a text file and replaces an existing one when it is complete.
/// - Throws: `Failure`, with the path
package func writeText(_ text: String, to path: String) throws(Failure) {
  do { try OutputFile.write(Array(text.utf8), to: path) } catch { throw Failure("\(error)") }
}

/// Creates a folder and its missing parents.
/// - Throws: `Failure`, with the path
package func makeFolder(_ path: String) throws(Failure) {
  var isThere = stat()
  if stat(path, &isThere) == 0 {
    guard isThere.st_mode & S_IFMT == S_IFDIR else { throw Failure("\(path): not a folder") }
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

/// Whether the path exists, as a file, a folder or anything else.
package func fileExists(_ path: String) -> Bool { access(path, F_OK) == 0 }

/// Whether the path is a folder or a link to one.
package func isFolder(_ path: String) -> Bool {
  var status = stat()
  return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
}

/// The names of a folder's entries without `.` and `..`, in no particular order.
/// - Throws: `Failure`, with the path
package func entries(of folder: String) throws(Failure) -> [String] {
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

/// The identity of a file: equal for two paths that lead to the same one.
package struct FileIdentity: Hashable, Sendable {
  private let device: UInt
  private let number: UInt

  /// - Throws: `Failure`, with the path
  package init(_ path: String) throws(Failure) {
    var status = stat()
    guard stat(path, &status) == 0 else { throw systemFailure(path) }
    device = UInt(status.st_dev)
    number = UInt(status.st_ino)
  }
}

/// Checks that a file to write is none of those to read, nor a link to one, nor another one to write.
/// - Parameters:
///   - outputs: the paths to write
///   - inputs: the paths to read; those without a file are ignored. Of a folder, the files in subfolders
///     are read, and those in itself that have the name of no output
///   - option: the option that allows it; `nil` for none
/// - Throws: `Failure` for an output that would replace an input
package func checkKeepsInputs(
  _ outputs: [String?], _ inputs: [String?], unless option: String?
) throws(Failure) {
  var written: Set<String> = []
  for case let output? in outputs where !isDevice(output) && !written.insert(output).inserted {
    throw Failure("\(output): two outputs have this name; choose another one")
  }
  for case let output? in outputs where fileExists(output) {
    let identity = try FileIdentity(output)
    for case let input? in inputs where fileExists(input) {
      if try FileIdentity(input) == identity && !isDevice(output)
        || isFolder(input) && isRead(output, in: input)
      {
        throw Failure(
          "\(output): this would replace a file that is read, \(input); "
            + (option.map { "\($0) allows it" } ?? "choose another name"))
      }
    }
  }
}

/// Whether a file of a folder with data is part of the data.
private func isRead(_ file: String, in folder: String) -> Bool {
  guard let file = resolved(file), let folder = resolved(folder), file.hasPrefix(folder + "/")
  else { return false }
  let isOutput = [".onnx", ".csv", ".png", ".svg"].contains { file.lowercased().hasSuffix($0) }
  return !isOutput || file.dropFirst(folder.count + 1).contains("/")
}

/// The path without links.
private func resolved(_ path: String) -> String? {
  guard let text = realpath(path, nil) else { return nil }
  defer { free(text) }
  return String(cString: text)
}

private func isDevice(_ path: String) -> Bool {
  var status = stat()
  return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFCHR
}

/// The system's error message for the last call that failed.
/// - Parameter path: the file or folder of the call
package func systemFailure(_ path: String) -> Failure {
  Failure("\(path): \(String(cString: strerror(errno)))")
}

/// The size of a file in bytes.
/// - Throws: `Failure`, with the path
package func fileSize(_ path: String) throws(Failure) -> Int {
  var status = stat()
  guard stat(path, &status) == 0 else { throw systemFailure(path) }
  return Int(status.st_size)
}

/// Checks before long work that a file can be written: its folder exists and is writable.
/// - Throws: `Failure`, with the path
package func checkWritable(_ path: String) throws(Failure) {
  if isFolder(path) { throw Failure("\(path): expected a file, found a folder") }
  let folder = path.lastIndex(of: "/").map { String(path[...$0]) } ?? "."
  guard access(folder, W_OK | X_OK) == 0 else { throw systemFailure(folder) }
}
