import Glibc

/// The files of external data in a model's folder.
final class ExternalData {
  /// An absolute path without symbolic links.
  private let folder: String
  private let options: ReadingOptions
  private var open: [String: InputFile] = [:]
  private var seen: Set<InputFile.Identity> = []
  /// The number of files that are kept open.
  private static let openLimit = 32

  init(folder: String, options: ReadingOptions) {
    self.folder = folder
    self.options = options
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
      let file = try InputFile(join(folder, location))
      try check(file)
      if open.count >= Self.openLimit { open.removeAll() }
      open[location] = file
      return (file, seen.insert(file.identity).inserted ? file.count : 0)
    } catch {
      throw FormatError(error.reason, in: "external data \(location.quoted)")
    }
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
          "the file has \(file.linkCount) hard links; ReadingOptions.allowsHardLinks accepts it"))
    }
    if !options.allowsLinksOutside {
      guard let pointer = realpath(folder, nil) else { throw FormatError(.system(errno)) }
      defer { free(pointer) }
      guard try file.resolvedPath().hasPrefix(join(String(cString: pointer), "")) else {
        throw FormatError(
          .invalid(
            "a symbolic link leads out of the model's folder; "
              + "ReadingOptions.allowsLinksOutside accepts it"))
      }
    }
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
