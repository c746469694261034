import Foundation

/// The files of a tar archive (POSIX ustar, uncompressed), in its order.
struct CorpusArchive {
  struct Failure: Error {
    let reason: String
  }

  private(set) var files: [(name: String, bytes: Data)] = []

  /// Reads a whole archive.
  /// - Throws: `Failure` where it holds anything but regular files, or is cut short.
  init(contentsOf url: URL) throws {
    let archive = try Data(contentsOf: url)
    var position = 0
    // Blocks of 512 bytes: a header and the file's contents, again and again. A block of zeros ends
    // the archive.
    while true {
      guard archive.count - position >= 512 else {
        throw Failure(reason: "the archive is cut short")
      }
      let header = archive[position..<position + 512]
      if header.allSatisfy({ $0 == 0 }) { return }
      let name = Self.text(header, 0, 100)
      guard let size = Int(Self.text(header, 124, 12), radix: 8), Self.text(header, 156, 1) == "0"
      else { throw Failure(reason: "'\(name)' is not a regular file") }
      let start = position + 512
      guard archive.count - start >= size else {
        throw Failure(reason: "the archive ends within '\(name)'")
      }
      files.append((name, Data(archive[start..<start + size])))
      position = start + (size + 511) / 512 * 512
    }
  }

  /// A field of a header, up to its NUL.
  private static func text(_ header: Data, _ offset: Int, _ length: Int) -> String {
    let start = header.startIndex + offset
    return String(
      decoding: header[start..<start + length].prefix { $0 != 0 }, as: UTF8.self)
  }
}
