import ONNXFormat
import ONNXOperators
import ONNXOps

/// Puts operations on numbers of one shape that feed each other into one node, which goes over
/// memory once.
/// - Parameter types: what the check found of each name
func chainElementwise(
  _ graph: inout Graph, types: [String: ValueType], operatorSets: OperatorSets
) {
  var search = ChainSearch(graph, types)
  for index in graph.nodes.indices {
    let node = graph.nodes[index]
    guard !node.hasSubgraph, let type = search.commonType(node),
      let version = try? operatorSets.version(
        for: node, { .node(name: "", operatorType: node.operatorType, $0) }),
      let made = try? Registry.standard.make(node, operatorSet: version).operator,
      ElementwiseChainBuilder.accepts(node, made)
    else { continue }
    search.add(index, type)
  }
  search.replace(in: &graph)
}

/// Finds groups of nodes that may run together at the place of the last of them.
private struct ChainSearch {
  private let graph: Graph
  private let types: [String: ValueType]
  /// Where each name is used; the number of nodes for an output of the graph.
  private var users: [String: [Int]] = [:]
  private var producers: [String: Int] = [:]
  private var isSorted = true
  /// The group of a node, by the first of its nodes.
  private var groups: [Int: Int] = [:]
  private var members: [Int: (nodes: [Int], type: TensorType)] = [:]

  init(_ graph: Graph, _ types: [String: ValueType]) {
    self.graph = graph
    self.types = types

    for (index, node) in graph.nodes.enumerated() {
      for name in node.usedNames { users[name, default: []].append(index) }
      for name in node.outputs where !name.isEmpty { producers[name] = index }
    }
    for (index, node) in graph.nodes.enumerated() where isSorted {
      isSorted = !node.usedNames.contains { (producers[$0] ?? -1) >= index }
    }
    for output in graph.outputs { users[output.name, default: []].append(graph.nodes.count) }

  }

  /// The type that the node's inputs have, those of one element aside, and its output.
  func commonType(_ node: Node) -> TensorType? {
    guard isSorted, node.outputs.count == 1, let type = types[node.outputs[0]]?.tensorType,
      let shape = type.shape, !isSingle(type),
      shape.dimensions.allSatisfy({ $0 != .unknown }),
      type.elementType == .float32 || type.elementType == .float64
    else { return nil }
    var hasFull = false
    for input in node.inputs {
      guard let own = types[input]?.tensorType else { return nil }
      if own == type {
        hasFull = true
      } else if !isSingle(own) || own.elementType != type.elementType
        || own.shape?.rank ?? 0 > shape.rank
      {
        return nil
      }
    }
    return hasFull ? type : nil
  }

  private func isSingle(_ type: TensorType) -> Bool { type.shape?.sizes?.elementCount == 1 }

  /// Takes a node into the groups whose results it uses, as far as that is possible.
  mutating func add(_ index: Int, _ type: TensorType) {
    var group: (nodes: [Int], type: TensorType) = ([index], type)
    for input in graph.nodes[index].inputs {
      guard let producer = producers[input], let number = groups[producer],
        let other = members[number], other.type == type,
        !group.nodes.contains(producer),
        group.nodes.count + other.nodes.count <= ElementwiseChainBuilder.mostSteps
      else { continue }
      let union = Set(group.nodes + other.nodes)
      // Nobody else may need a result before the place of the last node.
      let isFree = union.allSatisfy { member in
        (users[graph.nodes[member].outputs[0]] ?? []).allSatisfy {
          $0 > index || union.contains($0)
        }
      }
      guard isFree else { continue }
      members[number] = nil
      group.nodes = union.sorted()
    }
    let number = group.nodes[0]
    members[number] = group
    for node in group.nodes { groups[node] = number }
  }

  func replace(in graph: inout Graph) {
    var chains: [Int: Node] = [:]
    var isGone = [Bool](repeating: false, count: graph.nodes.count)
    for group in members.values where group.nodes.count > 1 {
      guard let last = group.nodes.last else { continue }
      var builder = ElementwiseChainBuilder()
      for node in group.nodes { builder.append(graph.nodes[node]) }
      let inside = Set(group.nodes)
      let outputs = group.nodes.map { graph.nodes[$0].outputs[0] }.filter { name in
        (users[name] ?? []).contains { !inside.contains($0) }
      }
      guard !outputs.isEmpty else { continue }
      chains[last] = builder.node(outputs: outputs)
      for node in group.nodes { isGone[node] = true }
    }
    graph.nodes = graph.nodes.indices.compactMap { index in
      chains[index] ?? (isGone[index] ? nil : graph.nodes[index])
    }
  }
}
