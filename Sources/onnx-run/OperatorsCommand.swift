import ArgumentParser
import ONNXCases
import ONNXFormat
import ONNXOperators
import ONNXOps
import ToolSupport

/// The subcommand `operators`: lists the supported operators.
struct OperatorsCommand: ToolCommand {
  static let configuration = CommandConfiguration(
    commandName: "operators",
    abstract: "Lists the supported operators as a Markdown table.",
    discussion: """
      The versions are the opsets that introduced or changed an operator; each version follows its own
      rules. The element types are those of the first input in the newest version.
      'onnx-run test FOLDER… --operators FILE' writes the table with the number of passing cases.
      """)

  func perform() throws -> ExitStatus {
    OperatorTable().lines.forEach { print($0) }
    return .fine
  }
}

/// The supported operators of the standard, by domain and name.
struct OperatorTable {
  /// The numbers of cases that use an operator, and of those that passed.
  private var cases: [OperatorName: (passed: Int, all: Int)]?

  init() {}

  /// A table with a column of passing cases.
  /// - Parameter results: the results of all cases. A case passes if it does under every runner.
  init(_ results: [CaseResult]) throws {
    var passed: [String: Bool] = [:]
    for result in results {
      passed[result.path] = passed[result.path, default: true] && result.passed
    }
    var cases: [OperatorName: (passed: Int, all: Int)] = [:]
    for (path, passed) in passed {
      for name in try Model(contentsOf: "\(path)/model.onnx").operatorNames {
        cases[name, default: (0, 0)].all += 1
        if passed { cases[name, default: (0, 0)].passed += 1 }
      }
    }
    self.cases = cases
  }

  var lines: [String] {
    var operators: [OperatorName: [Schema]] = [:]
    for schema in Registry.standard.schemas {
      operators[OperatorName(domain: schema.domain, name: schema.name), default: []].append(schema)
    }
    var lines = [
      "# Operators", "",
      "What a version changed holds for models of that operator set and those before the next. "
        + "Element types are those of the first input in the newest version.", "",
      cases == nil
        ? "Made by `onnx-run operators`."
        : "Made by `onnx-run test .build/cases --runner all --operators docs/operators.md`: "
          + "the last column counts the cases of the standard that use the operator and pass.",
    ]
    for domain in Set(operators.keys.map(\.domain)).sorted() {
      lines += ["", "## \(domain.isEmpty ? "ai.onnx" : domain)", ""]
      lines.append("| operator | versions | element types |" + (cases == nil ? "" : " cases |"))
      lines.append("|---|---|---|" + (cases == nil ? "" : "---|"))
      for name in operators.keys.filter({ $0.domain == domain }).sorted(by: { $0.name < $1.name }) {
        lines.append(row(name, operators[name] ?? []))
      }
    }
    return lines
  }

  private func row(_ name: OperatorName, _ schemas: [Schema]) -> String {
    let versions = schemas.flatMap(\.versions).sorted { $0.since < $1.since }
    var text = versions.map { "\($0.since)" }.joined(separator: ", ")
    if let removed = schemas.compactMap(\.removed).max(), removed > versions.last?.since ?? 0 {
      text += " until \(removed)"
    }
    var row = "| \(name.name) | \(text) | \(versions.last?.types.summary ?? "") |"
    if let cases {
      let count = cases[name] ?? (0, 0)
      row += count.passed == count.all ? " \(count.all) |" : " \(count.passed) of \(count.all) |"
    }
    return row
  }
}

/// An operator in any version.
private struct OperatorName: Hashable {
  let domain: String
  let name: String
}

extension Model {
  /// The operators of all nodes, including those of subgraphs and functions.
  fileprivate var operatorNames: Set<OperatorName> {
    var names: Set<OperatorName> = []
    func add(_ nodes: [Node]) {
      for node in nodes {
        names.insert(
          OperatorName(domain: Registry.normalized(domain: node.domain), name: node.operatorType))
        for attribute in node.attributes {
          if case .graph(let graph) = attribute.value { add(graph.nodes) }
        }
      }
    }
    add(graph.nodes)
    for function in functions { add(function.nodes) }
    return names
  }
}

extension TypeSet {
  /// The types, with a short name for each family.
  fileprivate var summary: String {
    if self == .all { return "all" }
    let families: [(name: String, types: TypeSet)] = [
      ("float16–64", .floats), ("bfloat16", .bfloat16), ("float8", .float8s),
      ("int8–64", .signedIntegers), ("uint8–64", .unsignedIntegers), ("int4, uint4", .int4s),
      ("int2, uint2", .int2s), ("bool", .bool), ("string", .string), ("complex", .complex),
    ]
    var left = self
    var names: [String] = []
    for family in families where isSuperset(of: family.types) {
      names.append(family.name)
      left.subtract(family.types)
    }
    return (names + (left.isEmpty ? [] : [left.description])).joined(separator: ", ")
  }
}
