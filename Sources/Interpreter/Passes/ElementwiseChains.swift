import ONNXFormat
import ONNXOperators

/// Joins arithmetic on tensors of one shape to chains: one node that passes over memory once.
public struct ElementwiseChaining: Pass {
  /// `chains`.
  public let name = "chains"

  /// The pass.
  public init() {}

  /// Replaces groups of nodes by chains. It never throws.
  public func apply(to model: inout Model, _ context: inout PassContext) throws(ModelError) {
    var search = ChainSearch(model.graph, context.types)
    for (index, node) in model.graph.nodes.enumerated() {
      guard !node.hasSubgraph, let type = search.commonType(node),
        let version = context.version(of: node), let made = context.plainOperator(of: node),
        ElementwiseChainBuilder.accepts(node, made, type.elementType)
      else { continue }
      search.add(index, type, version: version)
    }
    search.replace(in: &model.graph) { context.note("chain of \($0)") }
  }
}

extension Pass where Self == ElementwiseChaining {
  /// Joins arithmetic on tensors of one shape to chains.
  public static var chains: ElementwiseChaining { ElementwiseChaining() }
}

/// Finds groups of nodes that can run together where the last of them stands.
private struct ChainSearch {
  private let graph: Graph
  private let types: [String: ValueType]
  /// The positions of each value's users; an output of the graph counts as one behind all nodes.
  private var users: [String: [Int]] = [:]
  private var producers: [String: Int] = [:]
  private var isSorted = true
  /// Each node's group, named by the first node of the group.
  private var groups: [Int: Int] = [:]
  private var members: [Int: (nodes: [Int], type: TensorType)] = [:]
  /// The version of the operator set whose rules each member follows.
  private var versions: [Int: Int] = [:]

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

  /// The type of the node's output and of its inputs, except those of one element; `nil` where they
  /// differ.
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

  /// Joins a node with the groups whose results it uses, where that is possible.
  mutating func add(_ index: Int, _ type: TensorType, version: Int) {
    versions[index] = version
    var group: (nodes: [Int], type: TensorType) = ([index], type)
    for input in graph.nodes[index].inputs {
      guard let producer = producers[input], let number = groups[producer],
        let other = members[number], other.type == type,
        !group.nodes.contains(producer),
        group.nodes.count + other.nodes.count <= ElementwiseChainBuilder.mostSteps
      else { continue }
      let union = Set(group.nodes + other.nodes)
      // The group runs where its last node stands, so no other node may use a result before that.
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

  /// Replaces each group of several nodes by one.
  /// - Parameter report: called with the number of nodes of each group
  func replace(in graph: inout Graph, _ report: (Int) -> Void) {
    var chains: [Int: Node] = [:]
    var isGone = [Bool](repeating: false, count: graph.nodes.count)
    for group in members.values where group.nodes.count > 1 {
      guard let last = group.nodes.last else { continue }
      var builder = ElementwiseChainBuilder()
      for node in group.nodes {
        builder.append(graph.nodes[node], version: versions[node] ?? GraphBuilder.operatorSet)
      }
      let inside = Set(group.nodes)
      let outputs = group.nodes.map { graph.nodes[$0].outputs[0] }.filter { name in
        (users[name] ?? []).contains { !inside.contains($0) }
      }
      guard !outputs.isEmpty else { continue }
      chains[last] = builder.node(outputs: outputs)
      for node in group.nodes { isGone[node] = true }
      report(group.nodes.count)
    }
    graph.nodes = graph.nodes.indices.compactMap { index in
      chains[index] ?? (isGone[index] ? nil : graph.nodes[index])
    }
  }
}
