import Glibc

/// The largest file to read: 1 GB.
private let fileLimit = 1 << 30

/// The system's message for an error number.
func systemMessage(_ code: Int32) -> String {
  guard let text = strerror(code) else { return "error \(code)" }
  return String(cString: text)
}

/// Reads all bytes of a file.
func readFile(_ path: String) throws(ImageError) -> [UInt8] {
  let file = open(path, O_RDONLY | O_CLOEXEC)
  guard file >= 0 else { throw .file(path: path, errno) }
  defer { close(file) }
  var bytes: [UInt8] = []
  var code: Int32 = 0
  var status = stat()
  let size = fstat(file, &status) == 0 ? Int(status.st_size) : 0
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

/// Writes a file and replaces an existing one.
func writeFile(_ path: String, _ bytes: [UInt8]) throws(ImageError) {
  let file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o666)
  guard file >= 0 else { throw .file(path: path, errno) }
  var start = 0
  var code: Int32 = 0
  while start < bytes.count, code == 0 {
    let wrote = bytes.withUnsafeBytes { bytes in
      bytes.baseAddress.map { write(file, $0 + start, bytes.count - start) } ?? 0
    }
    if wrote >= 0 { start += wrote } else if errno != EINTR { code = errno }
  }
  if close(file) != 0, code == 0 { code = errno }
  if code != 0 { throw .file(path: path, code) }
}
