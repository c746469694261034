import Glibc
import ONNXFormat

/// The largest file to read: 1 GB.
private let fileLimit = 1 << 30

/// The system's message for an error number.
func systemMessage(_ code: Int32) -> String {
  guard let text = strerror(code) else { return "error \(code)" }
  return String(cString: text)
}

/// Reads all bytes of a file.
func readFile(_ path: String) throws(ImageError) -> [UInt8] {
  // Without O_NONBLOCK, opening a named pipe would block.
  let file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
  guard file >= 0 else { throw .file(path: path, errno) }
  defer { close(file) }
  var bytes: [UInt8] = []
  var code: Int32 = 0
  var status = stat()
  guard fstat(file, &status) == 0 else { throw .file(path: path, errno) }
  guard status.st_mode & S_IFMT == S_IFREG else {
    if status.st_mode & S_IFMT == S_IFDIR { throw .file(path: path, EISDIR) }
    throw .request("\(path): is a device, pipe or socket, not a file")
  }
  let size = Int(status.st_size)
  guard size <= fileLimit else { throw .file(path: path, EFBIG) }
  var step = min(max(size + 1, 1 << 16), 1 << 26)
  while true {
    var got = 0
    let chunk = [UInt8](unsafeUninitializedCapacity: step) { buffer, count in
      got = read(file, buffer.baseAddress, step)
      code = errno
      count = max(got, 0)
    }
    if got < 0 {
      if code == EINTR { continue }
      throw .file(path: path, code)
    }
    if got == 0 { return bytes }
    if bytes.isEmpty { bytes = chunk } else { bytes += chunk }
    if bytes.count > fileLimit { throw .file(path: path, EFBIG) }
    step = 1 << 16
  }
}

/// Writes a file and replaces an existing one when it is complete.
func writeFile(_ path: String, _ bytes: [UInt8]) throws(ImageError) {
  do throws(FormatError) { try OutputFile.write(bytes, to: path) } catch {
    guard case .system(let code) = error.reason else { throw .request("\(error)") }
    throw .file(path: path, code)
  }
}
