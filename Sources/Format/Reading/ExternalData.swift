import Glibc

/// The folder of a model, and the files in it that hold tensors' bytes.
final class ExternalData {
  /// Resolved: absolute, without symbolic links.
  private let folder: String
  private let options: ReadingOptions
  private var open: [String: InputFile] = [:]
  private var seen: Set<InputFile.Identity> = []
  /// Files kept open at a time.
  private static let openLimit = 32

  init(folder: String, options: ReadingOptions) {
    self.folder = folder
    self.options = options
  }

  /// The folder of a file given by its resolved path.
  static func folder(ofFile path: String) -> String {
    guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }

  /// A file, and how many bytes it holds that no earlier call has counted.
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
    if location.isEmpty { throw FormatError(.invalid("it has no location")) }
    if location.hasPrefix("/") {
      throw FormatError(.invalid("an absolute path is not allowed"))
    }
    if location.split(separator: "/").contains("..") {
      throw FormatError(.invalid("a path with '..' is not allowed"))
    }
  }

  /// Judges the file that was opened, not its name, which could be changed in between.
  private func check(_ file: InputFile) throws(FormatError) {
    if !options.allowsHardLinks, file.linkCount > 1 {
      throw FormatError(.invalid("the file has \(file.linkCount) names (hard links)"))
    }
    if !options.allowsLinksOutside {
      guard let pointer = realpath(folder, nil) else { throw FormatError(.system(errno)) }
      defer { free(pointer) }
      guard try file.resolvedPath().hasPrefix(join(String(cString: pointer), "")) else {
        throw FormatError(.invalid("a symbolic link leads out of the model's folder"))
      }
    }
  }
}

/// Where a tensor's bytes lie: the standard's `external_data`.
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
        .invalid("external data: \(entry.key) is \(entry.value.quoted), not a number"))
    }
    return number
  }
}
