import Foundation

/// A folder of models: `NAME.onnx`, which is version 1 of NAME, and `NAME/VERSION/model.onnx`.
///
/// Other files, and those whose names begin with a dot, are passed over. Where a file and a folder
/// have the same name, the folder's version 1 takes precedence.
struct ModelFolder: Sendable {
  /// The path of the folder.
  let path: String

  /// A file of a model.
  struct File: Sendable {
    /// The path.
    let path: String
    /// The contents, by their traces in the file system.
    let stamp: Stamp?
    /// The reason why the file is not read; `nil` for one that may be.
    let problem: String?
  }

  /// What changes with the contents of a file.
  struct Stamp: Sendable, Equatable {
    let device: UInt
    let inode: UInt
    let size: Int
    let seconds: Int
    let nanoseconds: Int
  }

  /// The files by the models' names and versions.
  /// - Throws: `ServingError` if the folder cannot be listed
  func files() throws(ServingError) -> [String: [Int: File]] {
    let root = Self.resolved(path)
    guard let entries = Self.entries(path) else {
      throw ServingError(.internalServerError, "the folder \(quoted(path)) cannot be listed")
    }
    var files: [String: [Int: File]] = [:]
    for entry in entries {
      if entry.hasSuffix(".onnx") {
        let name = String(entry.dropLast(5))
        guard !name.isEmpty, files[name]?[1] == nil else { continue }
        files[name, default: [:]][1] = file("\(path)/\(entry)", below: root)
      } else if let versions = Self.entries("\(path)/\(entry)") {
        for text in versions {
          guard let version = Int(text), version > 0, "\(version)" == text else { continue }
          let model = "\(path)/\(entry)/\(text)/model.onnx"
          guard access(model, F_OK) == 0 else { continue }
          files[entry, default: [:]][version] = file(model, below: root)
        }
      }
    }
    return files
  }

  private static func entries(_ path: String) -> [String]? {
    try? FileManager.default.contentsOfDirectory(atPath: path).filter { !$0.hasPrefix(".") }
      .sorted()
  }

  /// The path without symbolic links; `nil` for one that leads nowhere.
  private static func resolved(_ path: String) -> String? {
    guard let resolved = realpath(path, nil) else { return nil }
    defer { free(resolved) }
    return String(cString: resolved)
  }

  private func file(_ path: String, below root: String?) -> File {
    guard let root, let target = Self.resolved(path) else {
      return File(path: path, stamp: nil, problem: "the file cannot be read")
    }
    guard target.hasPrefix(root == "/" ? root : root + "/") else {
      return File(path: path, stamp: nil, problem: "a symbolic link leads out of the folder")
    }
    var status = stat()
    guard stat(target, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      return File(path: path, stamp: nil, problem: "the file is not a regular file")
    }
    let stamp = Stamp(
      device: UInt(status.st_dev), inode: UInt(status.st_ino), size: Int(status.st_size),
      seconds: Int(status.st_mtim.tv_sec), nanoseconds: Int(status.st_mtim.tv_nsec))
    return File(path: path, stamp: stamp, problem: nil)
  }
}
