import ONNXFormat
import ONNXOperators

/// Lets operators do the work of the node behind them, such as a convolution its activation, as long
/// as any can.
public struct NodeFusion: Pass {
  /// `fusion`.
  public let name = "fusion"

  /// The pass.
  public init() {}

  /// Fuses nodes as far as their operators can. It never throws.
  public func apply(to model: inout Model, _ context: inout PassContext) throws(ModelError) {
    var search = FusionSearch(model.graph, context)
    for index in search.graph.nodes.indices { search.fuse(from: index, &context) }
    model.graph = search.fused
  }
}

extension Pass where Self == NodeFusion {
  /// Lets operators do the work of the node behind them.
  public static var fusion: NodeFusion { NodeFusion() }
}

private struct FusionSearch {
  private(set) var graph: Graph
  private let types: [String: ValueType]
  private let ownership: Ownership?
  private let outputs: Set<String>
  private var constants: [String: Tensor] = [:]
  /// How many initializers lie in each storage.
  private var counts: [ObjectIdentifier: Int] = [:]
  private var users: [String: [Int]] = [:]
  private var isGone: [Bool]

  init(_ graph: Graph, _ context: PassContext) {
    self.graph = graph
    types = context.types
    ownership = context.ownership
    outputs = Set(graph.outputs.map(\.name))
    isGone = Array(repeating: false, count: graph.nodes.count)
    for initializer in graph.initializers { add(initializer) }
    for (index, node) in graph.nodes.enumerated() {
      for name in node.usedNames { users[name, default: []].append(index) }
    }
  }

  private mutating func add(_ initializer: NamedTensor) {
    if let name = initializer.name { constants[name] = initializer.tensor }
    counts[ObjectIdentifier(initializer.tensor.storage), default: 0] += 1
  }

  private func owns(_ name: String) -> Bool {
    guard let ownership, let tensor = constants[name], ownership.owns(tensor),
      !outputs.contains(name)
    else { return false }
    return users[name]?.count == 1 && counts[ObjectIdentifier(tensor.storage)] == 1
  }

  /// Fuses a node with the one behind it, and the result with the next, as far as they can.
  mutating func fuse(from index: Int, _ context: inout PassContext) {
    guard !isGone[index] else { return }
    // The fused node takes the second one's place, where the other inputs are there already.
    var place = index
    while true {
      let node = graph.nodes[place]
      guard node.outputs.count == 1, let output = node.outputs.first, !outputs.contains(output),
        let list = users[output], list.count == 1, let nextPlace = list.first,
        let first = context.plainOperator(of: node)?.asFusing,
        case let next = graph.nodes[nextPlace],
        let position = next.inputs.firstIndex(of: output),
        let second = context.plainOperator(of: next),
        let fusion = first.fused(
          with: FusionPartner(
            node: node, next: next, nextOperator: second, position: position,
            constant: { [constants] in constants[$0] }, owns: owns,
            type: { [types] in types[$0] }))
      else { return }
      isGone[place] = true
      graph.nodes[nextPlace] = fusion.node
      for initializer in fusion.initializers {
        graph.initializers.append(initializer)
        add(initializer)
      }
      // Where there are more users, only their number counts.
      for name in node.usedNames where users[name]?.count == 1 { users[name] = [nextPlace] }
      context.note("\(node.operatorType) + \(next.operatorType)")
      place = nextPlace
    }
  }

  /// The graph without the nodes that others took in.
  var fused: Graph {
    var result = graph
    result.nodes = zip(graph.nodes, isGone).filter { !$0.1 }.map(\.0)
    return result
  }
}
