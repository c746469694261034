import ONNX
import ONNXOperators

/// The floating-point values of a model that become sizes, indices, positions or thresholds.
///
/// They are found backward from the inputs that operators state (`exactInputs`), through arithmetic
/// and movement, up to the outputs of layers: a layer's own output has errors that are larger.
struct ExactValues {
  private(set) var names: Set<String> = []
  private let registry: Registry
  private let versions: [String: Int]
  private let isFloat: (String) -> Bool

  /// - Parameter isFloat: whether a value is of the type that is narrowed
  init(
    _ graph: Graph, _ registry: Registry, _ versions: [String: Int],
    isFloat: @escaping (String) -> Bool
  ) {
    self.registry = registry
    self.versions = versions
    self.isFloat = isFloat
    mark(graph)
  }

  private mutating func mark(_ graph: Graph) {
    for node in graph.nodes.reversed() {
      if !node.subgraphs.isEmpty {
        markThrough(node)
        continue
      }
      let facts = registry.facts(of: node, versions)
      for index in facts?.exactInputs(node) ?? [] where index < node.inputs.count {
        insert(node.inputs[index])
      }
      if node.outputs.contains(where: names.contains), facts?.isLayer(node) != true {
        for input in node.inputs { insert(input) }
      }
    }
  }

  /// Marks the values inside a node with subgraphs. What passes in and out is not told apart.
  private mutating func markThrough(_ node: Node) {
    let graphs = node.subgraphs
    for pass in 0..<2 {
      let isExact =
        node.outputs.contains(where: names.contains)
        || pass > 0 && graphs.contains { $0.inputs.contains { names.contains($0.name) } }
      if isExact {
        for name in node.inputs + graphs.flatMap({ $0.outputs.map(\.name) }) { insert(name) }
      }
      for graph in graphs { mark(graph) }
    }
  }

  private mutating func insert(_ name: String) {
    if !name.isEmpty, isFloat(name) { names.insert(name) }
  }
}

extension Registry {
  /// The type that implements a node's operator.
  func facts(of node: Node, _ versions: [String: Int]) -> (any Operator.Type)? {
    let domain = Registry.normalized(domain: node.domain)
    guard let version = node.operatorSetVersion ?? versions[domain] else { return nil }
    return find(node.operatorType, domain: domain, operatorSet: version)?.operator
  }
}

extension Operator {
  /// Whether a node multiplies by weights or normalizes.
  static func isLayer(_ node: Node) -> Bool {
    linearWeight(node) != nil || parameters.contains(where: \.isCertain)
  }
}
