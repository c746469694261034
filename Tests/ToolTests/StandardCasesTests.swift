import Foundation
import ONNX
import Testing
import ToolSupport

/// Where the standard's cases lie: `tools/test` writes them there.
let standardCases =
  ProcessInfo.processInfo.environment["ONNX_CASES"] ?? packageFile(".build/cases")

@Suite struct StandardCasesTests {
  /// `KnownFailures.txt` lists the cases that do not pass yet, one per line: `CASE: reason`, or
  /// `operator NAME: reason` for all cases with a missing operator. Any other failure fails this
  /// test, and so does a line that no longer applies.
  @Test(.enabled(if: isFolder(standardCases), "tools/test writes the standard's cases first"))
  func allPassUnderEveryRunnerButThoseListed() throws {
    let folder = try Folder()
    let (json, table) = (folder.path("results.json"), folder.path("operators.md"))
    let tool = try Tool(
      "test", standardCases, "--runner", "all", "--json", json, "--operators", table, "--timeout",
      "300")
    #expect(tool.status < 2, "\(tool.errors)")
    let parsed = try JSONSerialization.jsonObject(
      with: Data(contentsOf: URL(fileURLWithPath: json)))
    let results = try #require(parsed as? [[String: Any]])
    let known = try knownFailures()

    var unproven = known
    var unlisted: [String: String] = [:]
    for result in results where result["passed"] as? Bool == false {
      let path = try #require(result["case"] as? String)
      let message = try #require(result["message"] as? String)
      let runner = try #require(result["runner"] as? String)
      let name = String(path.dropFirst(standardCases.count + 1))
      let key = missingOperator(message).map { "operator \($0)" } ?? name
      unproven.remove(key)
      if !known.contains(key) { unlisted["\(key), \(runner)"] = message }
    }
    let failures = unlisted.map { "\($0.key): \($0.value)" }.sorted().joined(separator: "\n")
    #expect(unlisted.isEmpty, "failures that KnownFailures.txt does not list:\n\(failures)")
    #expect(
      unproven.isEmpty,
      "delete from KnownFailures.txt:\n\(unproven.sorted().joined(separator: "\n"))")
    for line in tool.lines.suffix(4) { print("Standard's cases, \(line)") }

    let judged = Set(results.compactMap { $0["judged"] as? String })
    #expect(judged == ["values", "distribution"])
    #expect(
      try readText(table) == readText(packageFile("docs/operators.md")),
      "docs/operators.md is stale; the file itself says how it is made")
  }

  @Test func theTableOfOperatorsIsThatOfTheRegistry() throws {
    let tool = try Tool("operators")
    #expect(tool.status == 0)
    let document = try readText(packageFile("docs/operators.md"))
    let rows = tool.lines.filter { $0.hasPrefix("| ") }
    #expect(rows.count > 200)
    let missing = rows.filter { !document.contains("\n\($0)") }
    #expect(missing.isEmpty, "\(missing)")
  }

  /// Changed values, attributes, names and types give a result or an error for every operator.
  @Test(.enabled(if: isFolder(standardCases), "tools/test writes the standard's cases first"))
  func changedCasesGiveAResultOrAnError() throws {
    let tool = try Tool(
      "test", "\(standardCases)/node", "--mutate", "4", "--seed", "1", "--timeout", "20")
    #expect(tool.status == 0, "\(tool.output)\(tool.errors)")
    print("Changed cases: \(tool.lines.last ?? "")")
  }

  /// The operator that a message reports as missing.
  private func missingOperator(_ message: String) -> Substring? {
    guard let start = message.range(of: "no operator '")?.upperBound else { return nil }
    return message[start...].prefix { $0 != "'" }
  }

  private func knownFailures() throws -> Set<String> {
    let lines = try readText(packageFile("Tests/ToolTests/KnownFailures.txt")).split(
      separator: "\n")
    return Set(
      lines.filter { !$0.hasPrefix("#") }.map { line in
        String(line[..<(line.range(of: ": ")?.lowerBound ?? line.endIndex)])
      })
  }
}
