import Foundation
import ONNX
import Testing

/// The list of operators and the folder agree.
@Suite struct RegistryTests {
  static let folder = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    .appendingPathComponent("Sources/Ops")

  /// The types that declare a schema, by file.
  static func definedTypes() throws -> Set<String> {
    var types: Set<String> = []
    let files = try #require(
      FileManager.default.enumerator(at: folder, includingPropertiesForKeys: nil))
    for case let file as URL in files where file.pathExtension == "swift" {
      let text = try String(contentsOf: file, encoding: .utf8)
      // A schema belongs to the closest type declaration before it.
      var current: Substring?
      for line in text.split(separator: "\n") {
        if let match = line.firstMatch(
          of: /^(?:public |package |private |fileprivate )?struct (\w+)/)
        {
          current = match.1
        }
        if line.contains(/^  (?:public |package )?static (?:let|var) schema\b/),
          !line.contains("{ get }"), let current
        {
          types.insert(String(current))
        }
      }
    }
    return types
  }

  @Test func everyOperatorIsRegisteredOnce() throws {
    var list = ""
    for module in try FileManager.default.contentsOfDirectory(atPath: Self.folder.path) {
      let file = Self.folder.appendingPathComponent("\(module)/\(module)Operators.swift")
      list += (try? String(contentsOf: file, encoding: .utf8)) ?? ""
    }
    let lines = list.matches(of: /(?m)^    (\w+)(?:<\w+>)?\.self,?$/)
    #expect(Set(lines.map(\.0)).count == lines.count)
    #expect(Set(lines.map { String($0.1) }) == (try Self.definedTypes()))
  }

  /// Foundation holds 40 MB of tables that every statically linked program would contain.
  @Test func noSourceImportsFoundation() throws {
    let sources = Self.folder.deletingLastPathComponent()
    let files = try #require(
      FileManager.default.enumerator(at: sources, includingPropertiesForKeys: nil))
    for case let file as URL in files where file.pathExtension == "swift" {
      let text = try String(contentsOf: file, encoding: .utf8)
      #expect(!text.contains(/(?m)^import Foundation$/), "\(file.lastPathComponent)")
    }
  }
}
