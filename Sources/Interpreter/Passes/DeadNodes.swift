import ONNXFormat

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
