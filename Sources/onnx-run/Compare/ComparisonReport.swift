import ONNXFormat
import ToolSupport

/// The differences of the values of a model, in the order of its nodes.
struct ComparisonReport {
  /// A value and its comparison.
  struct Row {
    let name: String
    /// The name of the value compared with.
    let partner: String
    /// The node that makes the value.
    let node: Node?
    let type: ValueType
    let comparison: ValueComparison
  }

  /// A node and the errors of its inputs and outputs.
  struct Jump {
    let node: Node
    let before: Double
    let after: Double
  }

  private(set) var rows: [Row] = []
  /// The values of the model that were not compared.
  let missing: Int
  private let matching: ValueMatching?
  private let graph: Graph

  /// - Parameters:
  ///   - graph: the first model's graph, whose outputs are the values to compare
  ///   - expected: the expected values, by the graph's names
  ///   - actual: the values to compare, by the graph's names
  ///   - partners: the second model's names; `nil` where the names are the same
  init(
    _ graph: Graph, expected: [String: Value], actual: [String: Value], partners: ValueMatching?,
    _ tolerance: Tolerance
  ) {
    self.graph = graph
    matching = partners
    var makers: [String: Node] = [:]
    for node in graph.nodes {
      for name in node.outputs { makers[name] = node }
    }
    var missing = 0
    for name in graph.outputs.map(\.name) {
      guard let wanted = expected[name], let value = actual[name] else {
        missing += 1
        continue
      }
      rows.append(
        Row(
          name: name, partner: partners?.partners[name] ?? name, node: makers[name],
          type: wanted.type,
          comparison: ValueComparison(value, with: wanted, tolerance, allowsOtherTypes: true)))
    }
    self.missing = missing
  }

  /// Whether all outputs have a counterpart, and all values are within the tolerance.
  var isWithin: Bool { firstBeyond == nil && lostOutputs.isEmpty }

  private var lostOutputs: [String] { matching?.lostOutputs ?? [] }

  /// The first value beyond the tolerance.
  var firstBeyond: Row? { rows.first { $0.comparison.problem != nil } }

  /// The nodes whose outputs have NaN while no compared input has.
  /// - Parameter count: the number of NaN on the side that is meant
  private func makersOfNaN(_ count: (DifferenceStatistics) -> Int) -> [Node] {
    var affected: Set<String> = []
    var makers: [Node] = []
    for row in rows where row.comparison.statistics.map(count) ?? 0 > 0 {
      affected.insert(row.name)
      if let node = row.node, !node.inputs.contains(where: affected.contains) {
        makers.append(node)
      }
    }
    return makers
  }

  private var nanMakers: [(side: String, nodes: [Node])] {
    let sides = matching == nil ? ("A", "the other side") : ("B", "A")
    return [
      (sides.0, makersOfNaN { $0.notNumbers.actual }),
      (sides.1, makersOfNaN { $0.notNumbers.expected }),
    ].filter { !$0.1.isEmpty }
  }

  /// The nodes at which the error grows, the largest growth first.
  private var jumps: [Jump] {
    var errors: [String: Double] = [:]
    for row in rows { errors[row.name] = row.comparison.statistics?.rootMeanSquare }
    var jumps: [Jump] = []
    for node in graph.nodes {
      // A value without a counterpart has the error of those it comes from.
      let before = node.inputs.compactMap { errors[$0] }.max() ?? 0
      let found = node.outputs.compactMap { errors[$0] }.max()
      if let found, found > before { jumps.append(Jump(node: node, before: before, after: found)) }
      for name in node.outputs where errors[name] == nil { errors[name] = before }
    }
    return jumps.sorted { $0.after - $0.before > $1.after - $1.before }
  }

  // MARK: - Text

  private static let shownRows = 20
  private static let shownJumps = 10

  func lines(bisect: Bool, all: Bool, columns: Int) -> [String] {
    var lines = [head]
    if bisect {
      let jumps = jumps
      if jumps.isEmpty {
        lines.append("the error grows at no node")
      } else {
        lines += table(jumps.prefix(all ? jumps.count : Self.shownJumps), columns)
        if jumps.count > Self.shownJumps, !all {
          lines.append("… \(jumps.count - Self.shownJumps) more nodes; --all shows them")
        }
      }
    } else {
      lines += rowLines(all: all, columns)
    }
    for (side, nodes) in nanMakers {
      let names = nodes.prefix(3).map { "\($0.shownName.quoted) (\($0.operatorType))" }
      lines.append(
        "NaN in \(side) comes from \(names.joined(separator: ", "))\(nodes.count > 3 ? ", …" : "")")
    }
    if let row = firstBeyond {
      let place = row.node.map { "node \($0.shownName.quoted) (\($0.operatorType)), " } ?? ""
      lines.append(
        "first beyond the tolerance: \(place)value \(row.name.quoted)")
      lines.append("  " + (row.comparison.problem ?? ""))
    }
    if !lostOutputs.isEmpty {
      lines.append(
        "outputs of A without a counterpart: "
          + lostOutputs.map(\.quoted).joined(separator: ", "))
    }
    if isWithin { lines.append("all within the tolerance") }
    return lines.map(\.escaped)
  }

  private var head: String {
    var text = "compared \(rows.count) values"
    if let matching {
      let structural = rows.count { matching.byStructure.contains($0.name) }
      text += ": \(rows.count - structural) matched by name, \(structural) by structure"
      if missing + matching.left > 0 {
        text += "; without a counterpart are \(missing) of A and \(matching.left) of B"
      }
    } else if missing > 0 {
      text += ", \(missing) have no counterpart"
    }
    return text
  }

  private func rowLines(all: Bool, _ columns: Int) -> [String] {
    let outputs = rows.suffix(1).map(\.name)
    var shown = rows
    if !all, rows.count > Self.shownRows {
      let beyond = rows.filter { $0.comparison.problem != nil }
      shown =
        beyond.isEmpty
        ? Array(rows.prefix(Self.shownRows - 1)) : Array(beyond.prefix(Self.shownRows - 1))
      if let last = rows.last, shown.last.map({ outputs.contains($0.name) }) != true {
        shown.append(last)
      }
    }
    let hasNaN = shown.contains { row in
      row.comparison.statistics.map { $0.notNumbers != (0, 0) } == true
    }
    var heads: [(name: String, alignment: Table.Alignment)] = [
      ("  value", .left), ("operator", .left), ("largest", .right), ("mean", .right),
      ("relative", .right),
    ]
    if hasNaN { heads.append(("NaN", .right)) }
    var table = Table(columns: heads)
    for row in shown {
      let statistics = row.comparison.statistics
      func number(_ value: Double?) -> String { value.map { formatted($0, "%.3g") } ?? "-" }
      var cells = [
        (row.comparison.problem == nil ? "  " : "* ") + row.name.escaped,
        row.node?.operatorType.escaped ?? "", number(statistics?.largest),
        number(statistics?.mean), number(statistics?.relative),
      ]
      if hasNaN {
        cells.append(
          statistics.map { "\($0.notNumbers.actual)/\($0.notNumbers.expected)" } ?? "-")
      }
      table.append(cells)
    }
    var lines = table.lines(columns: columns)
    if shown.count < rows.count {
      lines.append("… \(rows.count - shown.count) more values; --all shows them")
    }
    return lines
  }

  private func table(_ jumps: ArraySlice<Jump>, _ columns: Int) -> [String] {
    var table = Table([
      "node": .left, "operator": .left, "error before": .right, "after": .right, "times": .right,
    ])
    for jump in jumps {
      table.append([
        jump.node.shownName.escaped, jump.node.operatorType.escaped,
        formatted(jump.before, "%.3g"), formatted(jump.after, "%.3g"),
        jump.before > 0 ? formatted(jump.after / jump.before, "%.3g") : "-",
      ])
    }
    return table.lines(columns: columns)
  }

  // MARK: - JSON

  func json(_ first: String, _ second: String, bisect: Bool) -> JSON {
    .object([
      "a": .string(first), "b": .string(second), "within": .bool(isWithin),
      "outputs_without_counterpart": .array(lostOutputs.map(JSON.string)),
      "first_beyond": firstBeyond.map { .string($0.name) } ?? .null,
      "values": .array(rows.map(json)),
      "nan_from": .array(
        nanMakers.flatMap { side, nodes in
          nodes.map { .object(["side": .string(side), "node": .string($0.shownName)]) }
        }),
      "jumps": bisect
        ? .array(
          jumps.map { jump in
            .object([
              "node": .string(jump.node.shownName), "operator": .string(jump.node.operatorType),
              "before": .double(jump.before), "after": .double(jump.after),
            ])
          }) : .null,
    ])
  }

  private func json(_ row: Row) -> JSON {
    .object([
      "name": .string(row.name), "partner": .string(row.partner),
      "node": row.node.map { .string($0.shownName) } ?? .null,
      "operator": row.node.map { .string($0.operatorType) } ?? .null,
      "type": .string("\(row.type)"),
      "difference": row.comparison.json,
    ])
  }
}

extension ValueComparison {
  /// The comparison as an object; its numbers are `null` for values without any.
  var json: JSON {
    func number(_ value: Double?) -> JSON { value.map(JSON.double) ?? .null }
    func count(_ value: Int?) -> JSON { value.map(JSON.int) ?? .null }
    return .object([
      "within": .bool(problem == nil), "largest": number(statistics?.largest),
      "mean": number(statistics?.mean), "relative": number(statistics?.relative),
      "rms": number(statistics?.rootMeanSquare), "nan": count(statistics?.notNumbers.actual),
      "expected_nan": count(statistics?.notNumbers.expected),
      "infinite": count(statistics?.infinities.actual),
      "expected_infinite": count(statistics?.infinities.expected),
      "problem": problem.map(JSON.string) ?? .null,
    ])
  }
}
