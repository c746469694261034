import ONNXFormat
import ONNXOperators
import ONNXOps

/// Lets operators take over the work of the node behind them, again and again while any does.
/// - Parameters:
///   - types: what the check found of each name
///   - ownsInitializers: whether nobody but this graph reads the initializers
func fuseNodes(
  _ graph: inout Graph, types: [String: ValueType], operatorSets: OperatorSets,
  ownsInitializers: Bool
) {
  var constants: [String: Tensor] = [:]
  var names: [ObjectIdentifier: Int] = [:]
  for initializer in graph.initializers {
    if let name = initializer.name { constants[name] = initializer.tensor }
    names[ObjectIdentifier(initializer.tensor.storage), default: 0] += 1
  }
  var users: [String: [Int]] = [:]
  for (index, node) in graph.nodes.enumerated() {
    for name in node.usedNames { users[name, default: []].append(index) }
  }
  let outputs = Set(graph.outputs.map(\.name))
  func owns(_ name: String) -> Bool {
    guard ownsInitializers, let tensor = constants[name], !outputs.contains(name) else {
      return false
    }
    return users[name]?.count == 1 && names[ObjectIdentifier(tensor.storage)] == 1
  }
  func made(_ node: Node) -> (any Operator)? {
    guard !node.hasSubgraph,
      let version = try? operatorSets.version(
        for: node, { .node(name: "", operatorType: node.operatorType, $0) })
    else { return nil }
    return try? Registry.standard.make(node, operatorSet: version).operator
  }

  var isGone = [Bool](repeating: false, count: graph.nodes.count)
  for index in graph.nodes.indices where !isGone[index] {
    // The fused node stands where the second stood, so that its other inputs are made before it.
    var place = index
    while true {
      let node = graph.nodes[place]
      guard node.outputs.count == 1, let output = node.outputs.first, !outputs.contains(output),
        let list = users[output], list.count == 1, let nextPlace = list.first,
        let first = made(node)?.asFusing,
        case let next = graph.nodes[nextPlace],
        let position = next.inputs.firstIndex(of: output),
        let second = made(next),
        let fusion = first.fused(
          with: FusionPartner(
            node: node, next: next, nextOperator: second, position: position,
            constant: { constants[$0] }, owns: owns, type: { types[$0] }))
      else { break }
      isGone[place] = true
      graph.nodes[nextPlace] = fusion.node
      for initializer in fusion.initializers {
        graph.initializers.append(initializer)
        if let name = initializer.name { constants[name] = initializer.tensor }
        names[ObjectIdentifier(initializer.tensor.storage), default: 0] += 1
      }
      // Where there are more users, only their number counts.
      for name in node.usedNames where users[name]?.count == 1 { users[name] = [nextPlace] }
      place = nextPlace
    }
  }
  graph.nodes = zip(graph.nodes, isGone).filter { !$0.1 }.map(\.0)
}
