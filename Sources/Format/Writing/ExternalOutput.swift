import Glibc

/// A step of writing a model with external data.
package enum WritingStep: Sendable, CaseIterable {
  /// The data has its name, but the model is the old one.
  case data
  /// The model is the new one, but the old data is still there.
  case model
}

/// The file of a model's external data that is being written.
struct ExternalOutput {
  /// The file's name in the model's folder.
  let name: String
  let file: OutputFile
  private let folder: String
  private let wanted: String
  private let replacesModel: Bool

  /// Creates the file under the wanted name, or under another one where the model's file and one of
  /// that name exist: the model there may refer to it. A link of that name is replaced, not followed.
  init(_ wanted: String, ofModel path: String) throws(FormatError) {
    guard !wanted.contains("/"), !["", ".", ".."].contains(wanted) else {
      throw FormatError(
        .invalid(
          "expected a file name without a folder for external data, got " + wanted.quoted))
    }
    // Where the model's path is a link, the data goes next to the file itself.
    let folder = ExternalData.folder(ofFile: resolved(path)) + "/"
    var name = wanted
    replacesModel = Self.exists(path)
    if replacesModel {
      var number = 0
      while Self.exists(folder + name) {
        number += 1
        name = "\(wanted)-\(number)"
      }
    }
    self.name = name
    self.folder = folder
    self.wanted = wanted
    file = try OutputFile(folder + name, replacesLink: true)
  }

  private static func exists(_ path: String) -> Bool {
    var status = stat()
    return lstat(path, &status) == 0
  }

  /// Removes the data of the model that has been replaced.
  func removeOlder() {
    guard replacesModel, let directory = opendir(folder) else { return }
    defer { closedir(directory) }
    while let entry = readdir(directory) {
      let other = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
        String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      guard other != name, other.hasPrefix(wanted) else { continue }
      let number = other.dropFirst(wanted.count)
      guard number.isEmpty || number.first == "-" && Int(number.dropFirst()).map({ $0 > 0 }) == true
      else { continue }
      var status = stat()
      guard lstat(folder + other, &status) == 0,
        [S_IFREG, S_IFLNK].contains(status.st_mode & S_IFMT)
      else { continue }
      unlink(folder + other)
    }
  }
}
