import Glibc

/// The name of a file that is being written, next to its final path: `PATH.PROCESS.NUMBER.tmp`.
///
/// Its writer holds a lock on the file. One without a lock was left by a process that was killed.
struct TemporaryName {
  let path: String

  /// A new name.
  init(for path: String) {
    self.path = "\(path).\(getpid()).\(UInt32.random(in: 0 ... .max)).tmp"
  }

  /// Creates the file, locked.
  /// - Returns: its descriptor; −1, with `errno`, if it cannot be created.
  func create(mode: mode_t) -> Int32 {
    while true {
      let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode)
      guard descriptor >= 0 else { return -1 }
      var status = stat()
      // Another process may have taken it for a leftover before it was locked.
      if flock(descriptor, LOCK_EX | LOCK_NB) != 0 || fstat(descriptor, &status) != 0
        || status.st_nlink > 0
      {
        return descriptor
      }
      close(descriptor)
    }
  }

  /// Removes the files that killed writes to a path have left.
  static func removeLeftovers(of path: String) {
    let folder = ExternalData.folder(ofFile: path)
    let name = path.utf8.lastIndex(of: UInt8(ascii: "/")).map { path[path.index(after: $0)...] }
    guard let directory = opendir(folder) else { return }
    defer { closedir(directory) }
    while let entry = readdir(directory) {
      let candidate = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
        String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      if isTemporary(candidate, of: name ?? path[...]) { removeUnlocked("\(folder)/\(candidate)") }
    }
  }

  private static func isTemporary(_ candidate: String, of name: Substring) -> Bool {
    guard candidate.hasSuffix(".tmp"), candidate.hasPrefix("\(name).") else { return false }
    let numbers = candidate.dropFirst(name.count + 1).dropLast(4).utf8
      .split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
    return numbers.count == 2
      && numbers.allSatisfy { !$0.isEmpty && $0.allSatisfy { (0x30...0x39).contains($0) } }
  }

  private static func removeUnlocked(_ path: String) {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW)
    guard descriptor >= 0 else { return }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG,
      flock(descriptor, LOCK_EX | LOCK_NB) == 0
    else { return }
    unlink(path)
  }
}
