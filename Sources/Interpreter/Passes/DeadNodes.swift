import ONNXFormat
import ONNXOperators
import ONNXOps

/// Removes nodes and initializers that no output depends on.
func removeDeadNodes(_ graph: inout Graph) {
  let (isAlive, used) = graph.nodes(neededFor: graph.outputs.map(\.name))
  graph.nodes = zip(graph.nodes, isAlive).filter(\.1).map(\.0)
  graph.initializers.removeAll { !used.contains($0.name ?? "") }
  graph.sparseInitializers.removeAll { !used.contains($0.values.name ?? "") }
}

extension Graph {
  /// The nodes that values depend on.
  /// - Parameter ends: values that are given, whatever makes them
  /// - Returns: for each node whether it is one, and the names met on the way
  func nodes(
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

/// Leaves out every output that nobody uses and its operator need not make. The number of outputs
/// stays: it tells some operators what to do.
func leaveOutUnusedOutputs(_ graph: inout Graph, operatorSets: OperatorSets) {
  guard graph.nodes.contains(where: { $0.outputs.count > 1 }) else { return }
  var used = Set(graph.outputs.map(\.name))
  for node in graph.nodes { used.formUnion(node.usedNames) }
  for (index, node) in graph.nodes.enumerated() where !node.hasSubgraph {
    let unused = node.outputs.indices.dropFirst().filter {
      !node.outputs[$0].isEmpty && !used.contains(node.outputs[$0])
    }
    guard !unused.isEmpty,
      let version = try? operatorSets.version(
        for: node, { .node(name: "", operatorType: node.operatorType, $0) }),
      let made = try? Registry.standard.make(node, operatorSet: version).operator
    else { continue }
    for output in unused where output >= type(of: made).schema.outputs.lowerBound {
      graph.nodes[index].outputs[output] = ""
    }
  }
}
