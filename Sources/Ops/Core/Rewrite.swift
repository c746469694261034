import ONNXFormat

/// A rule that replaces the nodes of a pattern by one node with the same result, up to rounding.
///
/// A rule belongs to the operator that it creates (`Operator.rewrites`). It is applied only if no value
/// inside the pattern is used elsewhere, and if the new node has a result of the same type.
public struct RewriteRule: Sendable {
  /// The operators of the nodes that can end what the rule replaces.
  package let ends: Set<String>
  /// The largest number of nodes that the rule replaces.
  package let size: Int
  private let find: @Sendable (_ end: Int, _ view: GraphView) -> [RewriteCandidate]

  /// A rule.
  ///
  /// - Parameters:
  ///   - pattern: the nodes to replace
  ///   - replacement: returns the new node, usually `RewriteMatch.node`; `nil` if the rule does not
  ///     apply to the values found
  public init(
    _ pattern: RewritePattern, replacement: @escaping @Sendable (RewriteMatch) -> Node?
  ) {
    ends = pattern.ends
    size = pattern.size
    find = { index, view in
      guard let end = view.nodes[index] else { return [] }
      return view.matches(pattern, end.outputs[0], RewriteMatch(output: end, view)).compactMap {
        match in
        guard !match.usesHiddenValues(end: index), let node = replacement(match) else { return nil }
        return RewriteCandidate(node: node, nodes: match.nodes)
      }
    }
  }

  /// A rule that finds nodes to replace by its own search.
  ///
  /// - Parameters:
  ///   - ends: the operators of the nodes that can be the last of them
  ///   - size: the largest number of nodes
  ///   - find: returns the replacement of the nodes that end at the node with this index
  package init(
    ends: Set<String>, size: Int,
    find: @escaping @Sendable (_ end: Int, _ view: GraphView) -> RewriteCandidate?
  ) {
    self.ends = ends
    self.size = size
    self.find = { index, view in find(index, view).map { [$0] } ?? [] }
  }

  /// The node that replaces the pattern that ends at the node with this index, and the indices of the
  /// nodes of the pattern; `nil` if the rule does not apply.
  package func apply(at index: Int, in view: GraphView) -> (node: Node, replaced: Set<Int>)? {
    guard let end = view.nodes[index], end.outputs.count == 1 else { return nil }
    for candidate in find(index, view) {
      guard view.hides(candidate.nodes, except: index),
        let type = view.inferredType(of: candidate.node), type == view.type(end.outputs[0])
      else { continue }
      return (candidate.node, candidate.nodes)
    }
    return nil
  }
}

/// A node and the indices of the nodes that it replaces.
package struct RewriteCandidate {
  package let node: Node
  package let nodes: Set<Int>

  package init(node: Node, nodes: Set<Int>) {
    self.node = node
    self.nodes = nodes
  }
}

/// The values in a graph that the names of a pattern match.
public struct RewriteMatch {
  package let view: GraphView
  private let end: Node
  package var values: [String: String] = [:]
  package var scalars: [String: Double] = [:]
  package var axes: [String: [Int]] = [:]
  /// The indices of the nodes that the pattern covers.
  package var nodes: Set<Int> = []

  package init(output end: Node, _ view: GraphView) {
    self.end = end
    self.view = view
  }

  /// The type of the tensor that a name matches; `nil` if unknown.
  public func type(_ name: String) -> TensorType? {
    values[name].flatMap { view.type($0)?.tensorType }
  }

  /// The number that the name of a scalar matches.
  public func scalar(_ name: String) -> Double { scalars[name] ?? 0 }

  /// The first of the axes that `name` matches, if they are the last axes of `value`; otherwise `nil`.
  public func firstOfLastAxes(_ name: String, of value: String) -> Int? {
    guard let axes = axes[name], let first = axes.first, let rank = type(value)?.shape?.rank,
      axes == Array(first..<rank)
    else { return nil }
    return first
  }

  /// A node that makes the result of the pattern from the values that these names stand for.
  /// - Parameters:
  ///   - operatorType: the operator
  ///   - names: the names in the pattern that stand for the inputs
  ///   - attributes: the attributes of the node
  ///   - domain: the operator's domain; `nil` for `ai.onnx`
  ///   - version: the version of the domain whose rules the node follows, whatever the model imports
  public func node(
    _ operatorType: String, _ names: [String], _ attributes: [Attribute] = [],
    domain: String? = nil, version: Int
  ) -> Node {
    var node = Node(
      operatorType, domain: domain, name: end.name, inputs: names.map { values[$0] ?? "" },
      outputs: end.outputs, attributes: attributes)
    node.operatorSetVersion = version
    return node
  }

  /// Whether a name matches a value inside the pattern, which the replacement removes.
  fileprivate func usesHiddenValues(end index: Int) -> Bool {
    let hidden = nodes.subtracting([index]).flatMap { view.nodes[$0]?.outputs ?? [] }
    return values.values.contains(where: hidden.contains)
  }
}

/// A graph with the producers, users, constants and types of its values, for rewrite rules.
public struct GraphView {
  /// The nodes; `nil` for those that were replaced.
  package private(set) var nodes: [Node?]
  private var producers: [String: Int] = [:]
  private var users: [String: [Int]] = [:]
  private let outputs: Set<String>
  private let constants: [String: Tensor]
  private let types: [String: ValueType]
  private let registry: Registry
  private let versions: (Node) -> Int?

  /// The first version that broadcasts by NumPy's rule. Patterns do not match older nodes.
  private static let oldestVersion = 7

  /// - Parameters:
  ///   - types: the known types of values, by name
  ///   - versions: the operator set version that a node follows
  package init(
    _ graph: Graph, types: [String: ValueType], registry: Registry,
    versions: @escaping (Node) -> Int?
  ) {
    self.registry = registry
    nodes = graph.nodes
    outputs = Set(graph.outputs.map(\.name))
    constants = Dictionary(
      graph.initializers.compactMap { entry in entry.name.map { ($0, entry.tensor) } }
    ) { first, _ in first }
    self.types = types
    self.versions = versions
    for (index, node) in graph.nodes.enumerated() {
      for name in node.inputs where !name.isEmpty { users[name, default: []].append(index) }
      for name in node.outputs where !name.isEmpty { producers[name] = index }
    }
  }

  /// Counts a use of a value by a subgraph, where patterns do not match.
  package mutating func addOutsideUse(of name: String) { users[name, default: []].append(-1) }

  /// Replaces the node at `index`, and removes the rest of its pattern.
  package mutating func replace(_ replaced: Set<Int>, at index: Int, by node: Node) {
    for place in replaced {
      for name in nodes[place]?.inputs ?? [] { users[name]?.removeAll { $0 == place } }
      nodes[place] = nil
    }
    nodes[index] = node
    for name in node.inputs where !name.isEmpty { users[name, default: []].append(index) }
  }

  /// The type of a value; `nil` if unknown.
  package func type(_ name: String) -> ValueType? { types[name] }

  /// The index of the standard node of this operator whose only output is a value; `nil` if another
  /// node computes it.
  package func producer(_ name: String, _ operatorType: String) -> Int? {
    guard let index = producers[name], let node = nodes[index],
      node.operatorType == operatorType, node.outputs.count == 1,
      Registry.normalized(domain: node.domain).isEmpty,
      let version = versions(node), version >= Self.oldestVersion
    else { return nil }
    return index
  }

  /// The operator set version that a node follows.
  package func version(of node: Node) -> Int? { versions(node) }

  /// The contents of a constant; `nil` for other values.
  package func constant(_ name: String) -> Tensor? { constants[name] }

  /// Whether the values inside a pattern are used only by its own nodes.
  fileprivate func hides(_ pattern: Set<Int>, except end: Int) -> Bool {
    pattern.allSatisfy { $0 == end || isHidden($0, in: pattern) }
  }

  /// Whether only nodes of a pattern use the values of the node at this index.
  package func isHidden(_ index: Int, in pattern: Set<Int>) -> Bool {
    (nodes[index]?.outputs ?? []).allSatisfy { name in
      !outputs.contains(name) && (users[name] ?? []).allSatisfy(pattern.contains)
    }
  }

  /// The type of the first output of a new node; `nil` if the type or its rank is unknown.
  fileprivate func inferredType(of node: Node) -> ValueType? {
    guard let version = versions(node),
      let made = try? registry.make(node, operatorSet: version),
      let first = node.inputs.first.flatMap({ types[$0]?.tensorType }),
      made.types.contains(first.elementType)
    else { return nil }
    let inputs = Inputs(types: node.inputs.map { types[$0] })
    guard let type = try? made.operator.infer(inputs).first, type.tensorType?.shape != nil else {
      return nil
    }
    return type
  }
}
