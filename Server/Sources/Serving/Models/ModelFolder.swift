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
    /// Changes with the contents of the file, or with those of files that may hold its data; empty for
    /// a file that is not read.
    let stamps: [Stamp]
    /// The reason why the file is not read; `nil` for one that may be.
    let problem: String?
  }

  /// Changes with the contents of a file.
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
    // External data of NAME.onnx is usually in NAME.onnx.data or NAME.onnx_data.
    let related = Dictionary(grouping: entries) { entry in
      entry.firstRange(of: ".onnx").map { String(entry[..<$0.lowerBound]) } ?? entry
    }
    var files: [String: [Int: File]] = [:]
    for entry in entries {
      if entry.hasSuffix(".onnx") {
        let name = String(entry.dropLast(5))
        guard !name.isEmpty, files[name]?[1] == nil else { continue }
        files[name, default: [:]][1] = file(entry, in: path, with: related[name] ?? [], below: root)
      } else if let versions = Self.entries("\(path)/\(entry)") {
        for text in versions {
          guard let version = Int(text), version > 0, "\(version)" == text,
            let contents = Self.entries("\(path)/\(entry)/\(text)"),
            contents.contains("model.onnx")
          else { continue }
          files[entry, default: [:]][version] = file(
            "model.onnx", in: "\(path)/\(entry)/\(text)", with: contents, below: root)
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

  private func file(
    _ name: String, in folder: String, with others: [String], below root: String?
  ) -> File {
    let path = "\(folder)/\(name)"
    func refused(_ problem: String) -> File { File(path: path, stamps: [], problem: problem) }
    guard let root, let target = Self.resolved(path) else {
      return refused("the file cannot be read")
    }
    guard target.hasPrefix(root == "/" ? root : root + "/") else {
      return refused("a symbolic link leads out of the folder")
    }
    guard let stamp = Stamp(target) else { return refused("the file is not a regular file") }
    return File(
      path: path, stamps: [stamp] + others.compactMap { Stamp("\(folder)/\($0)") }, problem: nil)
  }
}

extension ModelFolder.Stamp {
  /// - Returns: `nil` for something that is not a regular file
  fileprivate init?(_ path: String) {
    var status = stat()
    guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
    device = UInt(status.st_dev)
    inode = UInt(status.st_ino)
    size = Int(status.st_size)
    seconds = Int(status.st_mtim.tv_sec)
    nanoseconds = Int(status.st_mtim.tv_nsec)
  }
}
