import ONNXFormat
import ONNXOps

/// Removes nodes and initializers that no output depends on.
func removeDeadNodes(_ graph: inout Graph) {
  var producers: [String: Int] = [:]
  for (index, node) in graph.nodes.enumerated() {
    for output in node.outputs where !output.isEmpty { producers[output] = index }
  }
  var used = Set<String>()
  var isAlive = [Bool](repeating: false, count: graph.nodes.count)
  var waiting = graph.outputs.map(\.name)
  while let name = waiting.popLast() {
    guard used.insert(name).inserted, let index = producers[name], !isAlive[index] else { continue }
    isAlive[index] = true
    waiting += graph.nodes[index].usedNames
  }
  graph.nodes = zip(graph.nodes, isAlive).filter(\.1).map(\.0)
  graph.initializers.removeAll { !used.contains($0.name ?? "") }
  graph.sparseInitializers.removeAll { !used.contains($0.values.name ?? "") }
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
      let made = try? Registry.make(node, operatorSet: version).operator
    else { continue }
    for output in unused where output >= type(of: made).schema.outputs.lowerBound {
      graph.nodes[index].outputs[output] = ""
    }
  }
}
