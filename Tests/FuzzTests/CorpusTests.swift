import Foundation
import Readers
import Testing

/// Reads the corpus of each fuzzed reader (`tools/fuzz/corpus`) with an ordinary build.
@Suite struct CorpusTests {
  private static let folder = URL(filePath: #filePath).deletingLastPathComponent()
    .appending(path: "../../tools/fuzz/corpus").standardized

  /// A file that once crashed a reader would crash the tests here.
  @Test(arguments: Reader.allCases)
  func everyFileIsReadOrRefused(_ reader: Reader) throws {
    let archive = try CorpusArchive(
      contentsOf: Self.folder.appending(path: "\(reader.rawValue).tar"))
    let scratch = try ScratchFile()
    var read = 0
    for (name, bytes) in archive.files {
      do {
        try bytes.withUnsafeBytes { try scratch.replaceContents(with: $0) }
        try reader.read(scratch.path)
        read += 1
      } catch let changed as Reader.Changed {
        Issue.record("\(reader.rawValue)/\(name): \(changed.reason)")
      } catch let failure as ScratchFile.Failure {
        throw failure
      } catch {
        #expect(!"\(error)".isEmpty)
      }
    }
    // A corpus of which every file is refused would test little.
    #expect(read > 0)
  }
}
