import ONNXFormat
import ONNXOperators

/// Removes nodes and initializers that no output depends on.
public struct DeadNodeRemoval: Pass {
  /// `deadNodes`.
  public let name = "deadNodes"

  /// The pass.
  public init() {}

  /// Removes the nodes and initializers that no output depends on. It never throws.
  public func apply(to model: inout Model, _ context: inout PassContext) throws(ModelError) {
    let (isAlive, used) = model.graph.nodes(neededFor: model.graph.outputs.map(\.name))
    for (node, isAlive) in zip(model.graph.nodes, isAlive) where !isAlive {
      context.note(node.operatorType)
    }
    model.graph.nodes = zip(model.graph.nodes, isAlive).filter(\.1).map(\.0)
    model.graph.initializers.removeAll { !used.contains($0.name ?? "") }
    model.graph.sparseInitializers.removeAll { !used.contains($0.values.name ?? "") }
  }
}

extension Pass where Self == DeadNodeRemoval {
  /// Removes nodes and initializers that no output depends on.
  public static var deadNodes: DeadNodeRemoval { DeadNodeRemoval() }
}

extension Graph {
  /// The nodes that values depend on.
  /// - Parameter ends: values that are given, whatever nodes make them
  /// - Returns: whether each node is needed, and the names that the walk met.
  package func nodes(
    neededFor names: [String], from ends: Set<String> = []
  ) -> (isNeeded: [Bool], names: Set<String>) {
    var producers: [String: Int] = [:]
    for (index, node) in nodes.enumerated() {
      for output in node.outputs where !output.isEmpty { producers[output] = index }
    }
    var used = Set<String>()
    var isNeeded = [Bool](repeating: false, count: nodes.count)
    var waiting = names
    while let name = waiting.popLast() {
      guard used.insert(name).inserted, !ends.contains(name), let index = producers[name],
        !isNeeded[index]
      else { continue }
      isNeeded[index] = true
      waiting += nodes[index].usedNames
    }
    return (isNeeded, used)
  }
}
