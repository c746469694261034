import Foundation
import Readers
import Testing

/// Goes through the files that libFuzzer kept, with an ordinary build of the readers.
@Suite struct CorpusTests {
  private static let folder = URL(filePath: #filePath).deletingLastPathComponent()
    .appending(path: "../../tools/fuzz/corpus").standardized

  /// A file that stopped a reader once would stop the tests here.
  @Test(arguments: Reader.allCases)
  func everyFileIsReadOrRefused(_ reader: Reader) throws {
    let folder = Self.folder.appending(path: reader.rawValue)
    let files = try FileManager.default.contentsOfDirectory(atPath: folder.path)
    var read = 0
    for file in files.sorted() {
      do {
        try reader.read(folder.appending(path: file).path)
        read += 1
      } catch let changed as Reader.Changed {
        Issue.record("\(reader.rawValue)/\(file) came back changed: \(changed.reason)")
      } catch {
        #expect(!"\(error)".isEmpty)
      }
    }
    // A corpus of refused files only would say little.
    #expect(read > 0)
  }
}
