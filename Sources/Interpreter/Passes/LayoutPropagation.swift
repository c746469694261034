import ONNXFormat
import ONNXOperators

/// Removes pairs of inverse transposes between which only elementwise nodes stand, as models have
/// that were made with channels last: the nodes compute with channels first instead.
///
/// A group of such nodes changes only if fewer transposes are left, or if its nodes then follow a
/// convolution, which can take them in. Nodes that are the identity are removed first.
public struct LayoutPropagation: Pass {
  /// `layouts`.
  public let name = "layouts"

  /// The pass.
  public init() {}

  /// Removes transposes where it can. It never throws.
  public func apply(to model: inout Model, _ context: inout PassContext) throws(ModelError) {
    guard model.graph.nodes.contains(where: { $0.facts?.permutation($0) != nil }) else { return }
    var walk = LayoutWalk(model.graph, context)
    walk.removeIdentities(&context)
    walk.findGroups(context)
    walk.change(&context)
    model.graph = walk.graph
  }
}

extension Pass where Self == LayoutPropagation {
  /// Removes pairs of inverse transposes around elementwise nodes.
  public static var layouts: LayoutPropagation { LayoutPropagation() }
}

private struct LayoutWalk {
  private(set) var graph: Graph
  private var types: [String: ValueType]
  /// Values that keep their names: outputs of the graph, and what subgraphs read.
  private let kept: Set<String>
  private var constants: [String: Tensor] = [:]
  private var users: [String: [Int]] = [:]
  private var producers: [String: Int] = [:]
  private var groups = DisjointSets()
  /// The value with channels first, and the group, of each value with channels last.
  private var moved: [String: (name: String, group: Int)] = [:]
  /// The elementwise nodes with channels first, and their groups.
  private var changed: [Int: (node: Node, group: Int)] = [:]
  private var initializers: [String: NamedTensor] = [:]
  /// The form for channels first of each constant, by its name and rank.
  private var turnedNames: [String: String] = [:]
  private var names: GraphBuilder

  init(_ graph: Graph, _ context: PassContext) {
    self.graph = graph
    types = context.types
    names = GraphBuilder(taken: graph.allNames)
    var kept = Set(graph.outputs.map(\.name))
    for node in graph.nodes where node.hasSubgraph { kept.formUnion(node.usedNames) }
    self.kept = kept
    for initializer in graph.initializers {
      if let name = initializer.name { constants[name] = initializer.tensor }
    }
  }

  /// Replaces inputs, by values that may be renamed too.
  private mutating func replace(_ renamed: [String: String]) {
    for index in graph.nodes.indices {
      for position in graph.nodes[index].inputs.indices {
        while let other = renamed[graph.nodes[index].inputs[position]] {
          graph.nodes[index].inputs[position] = other
        }
      }
    }
  }

  mutating func removeIdentities(_ context: inout PassContext) {
    var renamed: [String: String] = [:]
    let (types, kept) = (types, kept)
    graph.nodes.removeAll { node in
      guard let input = node.inputs.first, !input.isEmpty, let output = node.outputs.first,
        node.outputs.dropFirst().allSatisfy(\.isEmpty), !kept.contains(output),
        node.facts?.isIdentity(node, input: types[input], output: types[output]) == true
      else { return false }
      renamed[output] = input
      context.note(node.operatorType)
      return true
    }
    replace(renamed)
  }

  /// The permutation of a node to channels last, or from there to channels first.
  private func permutation(_ node: Node) -> (order: [Int], isLast: Bool)? {
    guard node.inputs.count == 1, node.outputs.count == 1,
      let order = node.facts?.permutation(node), (3...5).contains(order.count)
    else { return nil }
    let last = Array([0] + (2..<order.count) + [1])
    let first = Array([0, order.count - 1] + (1..<order.count - 1))
    if order == last { return (order, true) }
    return order == first ? (order, false) : nil
  }

  private func isConvolution(_ name: String) -> Bool {
    guard let index = producers[name] else { return false }
    let node = graph.nodes[index]
    guard let weight = node.facts?.linearWeight(node) else { return false }
    return weight.sumAxis == nil && weight.takesBias
  }

  private func rank(_ name: String) -> Int? { types[name]?.tensorType?.shape?.rank }

  mutating func findGroups(_ context: PassContext) {
    for (index, node) in graph.nodes.enumerated() {
      for name in node.outputs where !name.isEmpty { producers[name] = index }
      for name in node.usedNames { users[name, default: []].append(index) }
    }
    for (index, node) in graph.nodes.enumerated() {
      if let (order, isLast) = permutation(node), isLast {
        // In three axes, attention swaps the last two as well.
        guard order.count > 3 || isConvolution(node.inputs[0]), rank(node.outputs[0]) != nil else {
          continue
        }
        moved[node.outputs[0]] = (node.inputs[0], groups.add())
      } else if let made = elementwise(node, context) {
        changed[index] = made
        moved[node.outputs[0]] = (made.node.outputs[0], made.group)
      }
    }
  }

  /// An elementwise node of values with channels last as one with channels first.
  private mutating func elementwise(
    _ node: Node, _ context: PassContext
  ) -> (node: Node, group: Int)? {
    let sources = node.inputs.compactMap { moved[$0] }
    guard let first = sources.first, node.outputs.count == 1, let output = node.outputs.first,
      let rank = rank(output),
      node.inputs.allSatisfy({ moved[$0] == nil || self.rank($0) == rank }),
      let made = context.plainOperator(of: node), made.isElementwise
    else { return nil }
    var result = node
    for (position, name) in node.inputs.enumerated() where !name.isEmpty {
      if let (other, _) = moved[name] {
        result.inputs[position] = other
      } else if let other = constant(name, rank: rank) {
        result.inputs[position] = other
      } else {
        return nil
      }
    }
    for source in sources { groups.join(first.group, source.group) }
    result.outputs = [names.unique(output + " (channels first)")]
    return (result, first.group)
  }

  /// A constant that broadcasts with channels last, in a form for channels first.
  private mutating func constant(_ name: String, rank: Int) -> String? {
    guard let tensor = constants[name], tensor.shape.count <= rank else { return nil }
    if tensor.count == 1 { return name }
    let shape = Array(repeating: 1, count: rank - tensor.shape.count) + tensor.shape
    let turned = [shape[0], shape[rank - 1]] + shape[1..<rank - 1]
    // The elements keep their order.
    guard shape.filter({ $0 != 1 }) == turned.filter({ $0 != 1 }),
      shape[rank - 1] == 1 || shape[1..<rank - 1].allSatisfy({ $0 == 1 }),
      let reshaped = try? tensor.reshaped(to: turned)
    else { return nil }
    let hint = "\(name) (channels first, \(rank) axes)"
    if let other = turnedNames[hint] { return other }
    let other = names.unique(hint)
    turnedNames[hint] = other
    initializers[other] = NamedTensor(other, reshaped)
    return other
  }

  /// The groups whose change pays.
  private var chosen: Set<Int> {
    var gains: [Int: Int] = [:]
    for (name, value) in moved {
      let group = groups.find(value.group)
      let others = (users[name] ?? []).filter { changed[$0] == nil && !isRemoved($0) }
      let isNeeded = !others.isEmpty || kept.contains(name)
      if let index = producers[name], changed[index] == nil {
        // A transpose at the beginning of the group.
        if !isNeeded { gains[group, default: 0] += 1 }
        let isTaken = (users[name] ?? []).contains { changed[$0] != nil }
        if isTaken, isConvolution(value.name) { gains[group, default: 0] += 1 }
      } else if isNeeded {
        gains[group, default: 0] -= 1
      }
      gains[group, default: 0] += (users[name] ?? []).count(where: isRemoved)
    }
    return Set(gains.filter { $0.value > 0 }.keys)
  }

  /// Whether the node is a transpose to channels first whose output need not keep its name.
  private func isRemoved(_ index: Int) -> Bool {
    guard let (_, isLast) = permutation(graph.nodes[index]), !isLast else { return false }
    return !kept.contains(graph.nodes[index].outputs[0])
  }

  mutating func change(_ context: inout PassContext) {
    let chosen = chosen
    guard !chosen.isEmpty else { return }
    var nodes: [Node] = []
    var renamed: [String: String] = [:]
    // The transpose that a value with channels last comes from.
    var origins: [Int: Node] = [:]
    var dropped: Set<Int> = []
    for (name, value) in moved where chosen.contains(groups.find(value.group)) {
      if let index = producers[name], changed[index] == nil {
        origins[groups.find(value.group)] = graph.nodes[index]
        let others = (users[name] ?? []).filter { changed[$0] == nil && !isRemoved($0) }
        if others.isEmpty, !kept.contains(name) { dropped.insert(index) }
      }
      for index in users[name] ?? [] where isRemoved(index) {
        renamed[graph.nodes[index].outputs[0]] = value.name
        dropped.insert(index)
      }
    }
    for (index, node) in graph.nodes.enumerated() where !dropped.contains(index) {
      guard let (new, group) = changed[index], chosen.contains(groups.find(group)) else {
        nodes.append(node)
        continue
      }
      nodes.append(new)
      let output = node.outputs[0]
      context.types[new.outputs[0]] = types[output]?.channelsFirst
      let others = (users[output] ?? []).filter { changed[$0] == nil && !isRemoved($0) }
      if !others.isEmpty || kept.contains(output), var back = origins[groups.find(group)] {
        back.name = nil
        back.inputs = new.outputs
        back.outputs = [output]
        nodes.append(back)
      }
    }
    dropped.forEach { context.note(graph.nodes[$0].operatorType) }
    graph.nodes = nodes
    replace(renamed)
    let used = Set(nodes.flatMap(\.inputs))
    for (name, initializer) in initializers.sorted(by: { $0.key < $1.key })
    where used.contains(name) { graph.initializers.append(initializer) }
  }
}

extension Operator {
  /// Whether the output's elements depend on the elements in the same places only, by NumPy's rule.
  fileprivate var isElementwise: Bool {
    switch self {
    case is any ElementwiseOperator: true
    case let binary as any BinaryOperator:
      if case .numpy = binary.alignment { true } else { false }
    case let variadic as any VariadicOperator: variadic.inputs.broadcast
    default: false
    }
  }
}

extension ValueType {
  /// The type of the same tensor with the last axis moved to the second place.
  fileprivate var channelsFirst: ValueType? {
    guard let tensor = tensorType, let shape = tensor.shape, shape.rank > 2 else { return nil }
    var turned = shape
    turned[1] = shape[shape.rank - 1]
    for axis in 2..<shape.rank { turned[axis] = shape[axis - 1] }
    return .tensor(tensor.elementType, turned)
  }
}

/// Sets of numbers that are joined.
private struct DisjointSets {
  private var parents: [Int] = []

  mutating func add() -> Int {
    parents.append(parents.count)
    return parents.count - 1
  }

  func find(_ member: Int) -> Int {
    var member = member
    while parents[member] != member { member = parents[member] }
    return member
  }

  mutating func join(_ a: Int, _ b: Int) { parents[find(b)] = find(a) }
}
