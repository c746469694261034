import ONNXFormat
import ONNXInterpreter
import ONNXSupport

/// The times of a profile by node and by operator, the slowest first.
package struct ProfileTable {
  /// The time of a node or an operator.
  package struct Row {
    /// The nodes of the file that the node computes, joined by ` + `, or the operator.
    package let name: String
    /// The operator that computes them.
    package let operatorType: String
    package var milliseconds = 0.0
    package var calls = 0
  }

  package private(set) var nodes: [Row] = []
  package private(set) var operators: [Row] = []
  /// The time of all nodes. That of nodes in a subgraph counts once, for these nodes.
  package private(set) var total = 0.0

  /// - Parameter origins: the nodes of the file; `nil` names the nodes that ran
  package init(_ events: [Profile.Event], origins: NodeOrigins? = nil) {
    let computed = Set(events.flatMap(\.outputs))
    var byNode: [String: Row] = [:]
    var byOperator: [String: Row] = [:]
    for (event, milliseconds) in zip(events, Self.ownTimes(events)) {
      total += milliseconds
      let key = "\(event.name)\u{0}\(event.outputs.first ?? "")"
      if byNode[key] == nil {
        let names = origins?.names(of: event, computed: computed) ?? []
        byNode[key] = Row(
          name: names.isEmpty ? event.name : names.joined(separator: " + "),
          operatorType: event.operatorType)
      }
      byNode[key]?.milliseconds += milliseconds
      byNode[key]?.calls += 1
      let type = event.operatorType
      byOperator[type, default: Row(name: type, operatorType: type)].milliseconds += milliseconds
      byOperator[type]?.calls += 1
    }
    func sorted(_ rows: [String: Row]) -> [Row] {
      rows.values.sorted { ($1.milliseconds, $0.name) < ($0.milliseconds, $1.name) }
    }
    (nodes, operators) = (sorted(byNode), sorted(byOperator))
  }

  /// The time of each event without the events that ran during it.
  private static func ownTimes(_ events: [Profile.Event]) -> [Double] {
    var times = events.map(\.duration.milliseconds)
    // Events end in their order, so those inside another one are right before it.
    var open: [Int] = []
    for index in events.indices {
      while let last = open.last, events[last].start >= events[index].start {
        times[index] -= events[last].duration.milliseconds
        open.removeLast()
      }
      open.append(index)
    }
    return times.map { max($0, 0) }
  }

  /// Both tables, at most `columns` wide.
  package func lines(columns: Int) -> [String] {
    table("node", nodes, columns) { "\($0.name) (\($0.operatorType))" } + [""]
      + table("operator", operators, columns, \.name)
  }

  private func table(
    _ column: String, _ rows: [Row], _ columns: Int, _ text: (Row) -> String
  ) -> [String] {
    var table = Table(["ms": .right, "%": .right, "calls": .right, column: .left])
    for row in rows {
      table.append([
        formatted(row.milliseconds, "%.4f"),
        formatted(row.milliseconds / max(total, 1e-9) * 100, "%.1f"), "\(row.calls)",
        text(row).escaped.clippedInside(max(columns - 28, 20)),
      ])
    }
    return table.lines
  }
}

/// The nodes of a model's file, by which the nodes that run are named.
package struct NodeOrigins: Sendable {
  private struct Origin: Sendable {
    let name: String
    let inputs: [String]
  }

  private var origins: [Origin] = []
  /// The place of the node that makes each value, unless it follows from constants alone.
  private var makers: [String: Int] = [:]

  package init(_ graph: Graph) {
    add(graph, constants: [])
  }

  /// The reader limits the nesting of subgraphs and so the depth of this recursion.
  private mutating func add(_ graph: Graph, constants: Set<String>) {
    var constants = constants.union(graph.initializers.compactMap(\.name))
    constants.formUnion(graph.sparseInitializers.compactMap(\.values.name))
    for node in graph.nodes {
      for attribute in node.attributes {
        if case .graph(let inner) = attribute.value { add(inner, constants: constants) }
      }
      guard
        node.hasSubgraph || node.inputs.contains(where: { !$0.isEmpty && !constants.contains($0) })
      else {
        constants.formUnion(node.outputs)
        continue
      }
      for output in node.outputs { makers[output] = origins.count }
      origins.append(Origin(name: node.shownName, inputs: node.inputs))
    }
  }

  /// The names of the file's nodes that a node computes, in the file's order; none for a node that the
  /// file does not have.
  /// - Parameter computed: the values that nodes of the run make
  func names(of event: Profile.Event, computed: Set<String>) -> [String] {
    let given = Set(event.inputs)
    var places: Set<Int> = []
    var waiting = event.outputs.filter { !$0.isEmpty }
    while let name = waiting.popLast() {
      guard let place = makers[name], places.insert(place).inserted else { continue }
      waiting += origins[place].inputs.filter { !given.contains($0) && !computed.contains($0) }
    }
    return places.sorted().map { origins[$0].name }
  }
}

extension Node {
  /// The name, or that of the first output where the node has none.
  package var shownName: String {
    name.flatMap { $0.isEmpty ? nil : $0 } ?? outputs.first { !$0.isEmpty } ?? operatorType
  }
}

extension String {
  /// The text, with its middle left out where it has more characters than `width`.
  package func clippedInside(_ width: Int) -> String {
    guard count > width, width > 2 else { return self }
    return prefix((width - 1) / 2) + "…" + suffix(width / 2)
  }
}
