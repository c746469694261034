import ONNXFormat

/// A rule that replaces the nodes of a pattern by one node with the same result, up to rounding.
///
/// A rule stands beside the operator it results in (`Operator.rewrites`). Whoever applies it makes
/// sure that no value between the replaced nodes is used elsewhere, and that the new node has the type
/// of the old one.
public struct RewriteRule: Sendable {
  /// The nodes to replace.
  public let pattern: RewritePattern
  private let replacement: @Sendable (RewriteMatch) -> Node?

  /// - Parameters:
  ///   - pattern: the nodes to replace
  ///   - replacement: makes the new node; `nil` where the values found do not allow it
  public init(
    _ pattern: RewritePattern, replacement: @escaping @Sendable (RewriteMatch) -> Node?
  ) {
    self.pattern = pattern
    self.replacement = replacement
  }

  /// The node that replaces the pattern that ends with the node at `index`, and the places of the
  /// nodes of that pattern; `nil` where the rule does not apply.
  package func apply(at index: Int, in view: GraphView) -> (node: Node, replaced: Set<Int>)? {
    guard let end = view.nodes[index], end.outputs.count == 1 else { return nil }
    for match in view.matches(pattern, end.outputs[0], RewriteMatch(output: end, view)) {
      guard view.hides(match.nodes, except: index), !match.usesHiddenValues(end: index),
        let node = replacement(match), let type = view.inferredType(of: node),
        type == view.type(end.outputs[0])
      else { continue }
      return (node, match.nodes)
    }
    return nil
  }
}

/// The values that a pattern's names stand for in a graph.
public struct RewriteMatch {
  package let view: GraphView
  private let end: Node
  package var values: [String: String] = [:]
  package var scalars: [String: Double] = [:]
  package var axes: [String: [Int]] = [:]
  /// The places of the nodes that the pattern covers.
  package var nodes: Set<Int> = []

  package init(output end: Node, _ view: GraphView) {
    self.end = end
    self.view = view
  }

  /// The type of the value that a name stands for, as far as it is known.
  public func type(_ name: String) -> TensorType? {
    values[name].flatMap { view.type($0)?.tensorType }
  }

  /// The number that the name of a scalar stands for.
  public func scalar(_ name: String) -> Double { scalars[name] ?? 0 }

  /// The first of the axes that `name` stands for, where they are all from there to the last axis of
  /// `value`; `nil` for other axes.
  public func firstOfLastAxes(_ name: String, of value: String) -> Int? {
    guard let axes = axes[name], let first = axes.first, let rank = type(value)?.shape?.rank,
      axes == Array(first..<rank)
    else { return nil }
    return first
  }

  /// A node that makes the result of the pattern from the values that these names stand for.
  /// - Parameters:
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

  /// Whether a name stands for a value inside the pattern, which is gone once it is replaced.
  fileprivate func usesHiddenValues(end index: Int) -> Bool {
    let hidden = nodes.subtracting([index]).flatMap { view.nodes[$0]?.outputs ?? [] }
    return values.values.contains(where: hidden.contains)
  }
}

/// A graph as rewrite rules see it: nodes with their producers and users, constants and types.
public struct GraphView {
  /// The nodes; `nil` in the places of those that were replaced.
  package private(set) var nodes: [Node?]
  private var producers: [String: Int] = [:]
  private var users: [String: [Int]] = [:]
  private let outputs: Set<String>
  private let constants: [String: Tensor]
  private let types: [String: ValueType]
  private let registry: Registry
  private let versions: (Node) -> Int?

  /// Versions of the standard before this one broadcast by an attribute.
  private static let oldestVersion = 7

  /// - Parameters:
  ///   - types: the types of values by name, as far as they are known
  ///   - versions: the version of the operator set whose rules a node follows
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

  /// Counts a use of a value by a subgraph, which no pattern looks into.
  package mutating func addOutsideUse(of name: String) { users[name, default: []].append(-1) }

  /// Puts a node in the place of another, and removes the rest of its pattern.
  package mutating func replace(_ replaced: Set<Int>, at index: Int, by node: Node) {
    for place in replaced {
      for name in nodes[place]?.inputs ?? [] { users[name]?.removeAll { $0 == place } }
      nodes[place] = nil
    }
    nodes[index] = node
    for name in node.inputs where !name.isEmpty { users[name, default: []].append(index) }
  }

  /// The type of a value, as far as it is known.
  package func type(_ name: String) -> ValueType? { types[name] }

  /// The place of the standard's node of this operator that makes a value as its only output.
  package func producer(_ name: String, _ operatorType: String) -> Int? {
    guard let index = producers[name], let node = nodes[index],
      node.operatorType == operatorType, node.outputs.count == 1,
      Registry.normalized(domain: node.domain).isEmpty,
      let version = versions(node), version >= Self.oldestVersion
    else { return nil }
    return index
  }

  /// The version of the operator set whose rules a node follows.
  package func version(of node: Node) -> Int? { versions(node) }

  /// The contents of a value, where it is constant.
  package func constant(_ name: String) -> Tensor? { constants[name] }

  /// Whether the values inside a pattern are used by its own nodes alone.
  fileprivate func hides(_ pattern: Set<Int>, except end: Int) -> Bool {
    pattern.allSatisfy { index in
      index == end
        || (nodes[index]?.outputs ?? []).allSatisfy { name in
          !outputs.contains(name) && (users[name] ?? []).allSatisfy(pattern.contains)
        }
    }
  }

  /// The type of a new node's first output; `nil` where it or its rank is not known.
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
