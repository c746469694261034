import ONNXFormat
import ONNXOperators

/// The passes of this package.
public enum Passes {
  /// The passes that a session runs unless its options say otherwise, in their order.
  public static let standard: [any Pass] = [
    DeadNodeRemoval(),
    UnusedOutputRemoval(),
    Float16Widening(),
    IntegerOperators(),
    ConstantFolding(),
    LayoutPropagation(),
    NodeRewriting(),
    NodeFusion(),
    ElementwiseChaining(),
    DeadNodeRemoval(),
  ]
}

extension [any Pass] {
  /// Removes every pass of that name.
  public mutating func remove(named name: String) { removeAll { $0.name == name } }

  /// Removes every pass with the name of this one: `options.passes.remove(.fusion)`.
  public mutating func remove(_ pass: some Pass) { remove(named: pass.name) }

  /// Runs the passes in their order.
  /// - Returns: a report of each.
  func apply(
    to model: inout Model, _ context: PassContext
  ) throws(ModelError) -> [PassReport] {
    var context = context
    var reports: [PassReport] = []
    for pass in self {
      context.clearNotes()
      let count = model.graph.nodes.count
      try pass.apply(to: &model, &context)
      try context.engine.checkTime()
      reports.append(
        PassReport(
          pass.name, nodesBefore: count, nodesAfter: model.graph.nodes.count,
          notes: context.notes))
    }
    return reports
  }
}

extension Graph {
  /// Every name in the graph, with those that its graph attributes use or define.
  public var allNames: Set<String> {
    var names = Set((inputs + outputs).map(\.name))
    names.formUnion(initializers.compactMap(\.name))
    names.formUnion(sparseInitializers.compactMap(\.values.name))
    for node in nodes { names.formUnion(node.usedNames) }
    for node in nodes.atAnyDepth { names.formUnion(node.outputs) }
    return names
  }
}

extension Node {
  /// Every name the node uses: its inputs, and the names that its graph attributes may take from the
  /// graph around them.
  public var usedNames: [String] {
    var names = inputs
    var waiting = attributes
    while let attribute = waiting.popLast() {
      guard case .graph(let graph) = attribute.value else { continue }
      names += graph.outputs.map(\.name)
      for node in graph.nodes {
        names += node.inputs
        waiting += node.attributes
      }
    }
    return names.filter { !$0.isEmpty }
  }

  /// Whether an attribute is a graph.
  package var hasSubgraph: Bool {
    attributes.contains { if case .graph = $0.value { true } else { false } }
  }

  /// The node's name, or `#` and its position where it has none.
  package func label(at position: Int) -> String {
    name.flatMap { $0.isEmpty ? nil : $0 } ?? "#\(position)"
  }
}
