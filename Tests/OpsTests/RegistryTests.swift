import Foundation
import ONNX
import Testing

/// The list of operators and the folder agree.
@Suite struct RegistryTests {
  static let folder = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    .appendingPathComponent("Sources/Ops")

  /// The types of a module that declare a schema.
  static func definedTypes(in module: URL) throws -> Set<String> {
    var types: Set<String> = []
    let files = try #require(
      FileManager.default.enumerator(at: module, includingPropertiesForKeys: nil))
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

  /// Operators of different domains may have the same name, in modules of their own.
  @Test func everyOperatorIsRegisteredOnce() throws {
    var registered: [String] = []
    var defined: [String] = []
    for name in try FileManager.default.contentsOfDirectory(atPath: Self.folder.path) {
      let module = Self.folder.appendingPathComponent(name)
      let file = module.appendingPathComponent("\(name)Operators.swift")
      let list = (try? String(contentsOf: file, encoding: .utf8)) ?? ""
      let lines = list.matches(of: /(?m)^    (\w+)(?:<\w+>)?\.self,?$/)
      #expect(Set(lines.map(\.0)).count == lines.count, "\(name)")
      registered += Set(lines.map { String($0.1) })
      defined += try Self.definedTypes(in: module)
    }
    #expect(registered.sorted() == defined.sorted())
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
