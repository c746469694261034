import Foundation
import ONNX
import Testing
import ToolSupport

/// Load → save loses nothing, in the eyes of the standard's own package.
@Suite struct RoundTripTests {
  private static let cases =
    ProcessInfo.processInfo.environment["ONNX_CASES"] ?? packageFile(".build/cases")
  private static let python = packageFile(".venv/bin/python")

  @Test(
    .enabled(
      if: isFolder(cases) && FileManager.default.isExecutableFile(atPath: python),
      "tools/test makes the standard's cases and the Python that compares"))
  func everyModelAtHandIsTheSameAfterwards() throws {
    let copies = try Folder()
    let files = try #require(FileManager.default.enumerator(atPath: Self.cases))
    for case let file as String in files where file.hasSuffix(".onnx") {
      let copy = copies.path(file)
      try FileManager.default.createDirectory(
        atPath: (copy as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
      try Model(contentsOf: "\(Self.cases)/\(file)").write(to: copy)
    }
    let report = copies.path("report.txt")
    _ = FileManager.default.createFile(atPath: report, contents: nil)
    let compare = Process()
    compare.executableURL = URL(fileURLWithPath: Self.python)
    compare.arguments = [
      packageFile("tools/references/roundtrip.py"), Self.cases, copies.path(""), "--presence",
    ]
    compare.standardOutput = FileHandle(forWritingAtPath: report)
    try compare.run()
    compare.waitUntilExit()
    let text = try String(contentsOfFile: report, encoding: .utf8)
    #expect(compare.terminationStatus == 0, "\(text)")
    print("Round trip: \(text.split(separator: "\n").last ?? "")")
  }
}
