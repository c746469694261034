import Glibc

/// The files of external data of a model.
///
/// A package manager or a cache may put links to the model and to its data into one folder, and the
/// files into another. A location is therefore looked up in the folder of the model's path, then in
/// those of the links and of the file that the path leads to. The opened file must be in the folder of
/// the path or in that of the model's file.
package final class ExternalData {
  private let folders: [String]
  private let options: ReadingOptions
  private var open: [String: InputFile] = [:]
  private var seen: Set<InputFile.Identity> = []
  /// The number of files that are kept open.
  private static let openLimit = 32

  /// - Parameter folders: the folders to look in, in this order. The files must be in the first or the
  ///   last one once links are resolved.
  init(folders: [String], options: ReadingOptions) {
    self.folders = folders
    self.options = options
  }

  /// The folders of a model's external data: that of its path, those of the links on the way, and that
  /// of the opened file; none for a file that is in no folder.
  package static func folders(of file: InputFile) throws(FormatError) -> [String] {
    guard file.linkCount > 0 else { return [] }
    let resolved = folder(ofFile: try file.resolvedPath())
    // The system makes the names of open files, such as /dev/stdin.
    if file.path.hasPrefix("/dev/") || file.path.hasPrefix("/proc/") { return [resolved] }
    var folders = [folder(ofFile: file.path)]
    var path = file.path
    // The system follows at most 40 links.
    for _ in 0..<40 {
      guard let target = linkTarget(path) else { break }
      path = target.hasPrefix("/") ? target : folder(ofFile: path) + "/" + target
      if folders.last != folder(ofFile: path) { folders.append(folder(ofFile: path)) }
    }
    return folders.last == resolved ? folders : folders + [resolved]
  }

  private static func linkTarget(_ path: String) -> String? {
    var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
    let length = readlink(path, &buffer, buffer.count)
    guard length > 0, length < buffer.count else { return nil }
    return String(decoding: buffer[..<length].map(UInt8.init(bitPattern:)), as: UTF8.self)
  }

  /// The folder of a file, given by its path.
  static func folder(ofFile path: String) -> String {
    guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }

  /// Opens a file.
  /// - Returns: the file, and its size if it was not opened before, otherwise 0.
  func file(_ location: String) throws(FormatError) -> (file: InputFile, newBytes: Int) {
    if let file = open[location] { return (file, 0) }
    do throws(FormatError) {
      try checkName(location)
      let file = try find(location)
      try check(file)
      if open.count >= Self.openLimit { open.removeAll() }
      open[location] = file
      return (file, seen.insert(file.identity).inserted ? file.count : 0)
    } catch {
      throw FormatError(error.reason, in: "external data \(location.quoted)")
    }
  }

  private func find(_ location: String) throws(FormatError) -> InputFile {
    var missing: FormatError?
    for folder in folders {
      do throws(FormatError) { return try InputFile(join(folder, location)) } catch {
        guard error.reason == .system(ENOENT) || error.reason == .system(ENOTDIR) else {
          throw error
        }
        missing = missing ?? error
      }
    }
    throw missing ?? FormatError(.system(ENOENT))
  }

  private func join(_ folder: String, _ name: String) -> String {
    folder.hasSuffix("/") ? folder + name : folder + "/" + name
  }

  private func checkName(_ location: String) throws(FormatError) {
    if location.isEmpty { throw FormatError(.invalid("the tensor states no location")) }
    if location.hasPrefix("/") {
      throw FormatError(
        .invalid("an absolute path is not allowed; it must be relative to the model's folder"))
    }
    if location.split(separator: "/").contains("..") {
      throw FormatError(
        .invalid("a path with '..' is not allowed; it must stay in the model's folder"))
    }
  }

  /// Checks the opened file rather than its path, which could lead to another file by now.
  private func check(_ file: InputFile) throws(FormatError) {
    if !options.allowsHardLinks, file.linkCount > 1 {
      throw FormatError(
        .invalid(
          "the file has \(file.linkCount) hard links; ReadingOptions.allowsHardLinks, or "
            + "--allow-hard-links, accepts it"))
    }
    guard !options.allowsLinksOutside else { return }
    let path = try file.resolvedPath()
    for folder in Set([folders[0], folders[folders.count - 1]]) {
      guard let pointer = realpath(folder, nil) else { throw FormatError(.system(errno)) }
      defer { free(pointer) }
      if path.hasPrefix(join(String(cString: pointer), "")) { return }
    }
    throw FormatError(
      .invalid(
        "a symbolic link leads out of the model's folder; ReadingOptions.allowsLinksOutside, or "
          + "--allow-links-outside, accepts it"))
  }
}

/// The place of a tensor's bytes in a file: the standard's `external_data`.
struct ExternalRange {
  var location = ""
  var offset = 0
  var length: Int?

  init(_ entries: [MetadataEntry]) throws(FormatError) {
    for entry in entries {
      switch entry.key {
      case "location": location = entry.value
      case "offset": offset = try Self.number(entry)
      case "length": length = try Self.number(entry)
      default: break
      }
    }
  }

  private static func number(_ entry: MetadataEntry) throws(FormatError) -> Int {
    guard let number = Int(entry.value), number >= 0 else {
      throw FormatError(
        .invalid(
          "external data: expected a number from 0 on as \(entry.key), got \(entry.value.quoted)"))
    }
    return number
  }
}
