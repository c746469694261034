import ONNXFormat
import ONNXOperators

/// An operator that nodes of a model name and the session does not have.
public struct MissingOperator: Sendable, Hashable {
  /// The name of the operator.
  public let name: String
  /// The domain of the operator; empty for `ai.onnx`.
  public let domain: String
  /// The version of the operator set; `nil` where the model does not import the domain.
  public let version: Int?
  /// The number of nodes, those of subgraphs and function bodies included. A function body counts once.
  public let count: Int
}

extension Model {
  /// All operators that the model needs and the registry lacks, those of the most nodes first.
  /// - Parameters:
  ///   - registry: the operators of the session
  ///   - isReplaced: whether a node is replaced by others before it runs
  /// - Throws: `ModelError.graph` for operator sets that are not known
  package func missingOperators(
    _ registry: Registry, except isReplaced: (Node) -> Bool = { _ in false }
  ) throws(ModelError) -> [MissingOperator] {
    try search(registry, isReplaced).list
  }

  /// Checks that the registry has every operator of the model.
  /// - Throws: `ModelError.unknownOperators`, or `ModelError.node` for a single node
  func checkOperators(
    _ registry: Registry, except isReplaced: (Node) -> Bool
  ) throws(ModelError) {
    if let error = try search(registry, isReplaced).error { throw error }
  }

  private func search(
    _ registry: Registry, _ isReplaced: (Node) -> Bool
  ) throws(ModelError) -> MissingOperatorSearch {
    var search = MissingOperatorSearch(registry, try OperatorSets(operatorSets))
    search.add(graph.nodes, functions, isReplaced)
    return search
  }
}

/// The error for a graph with nodes that no operator runs.
/// - Parameter first: the error of the first such node
func unknownOperators(
  in graph: Graph, _ operatorSets: OperatorSets, _ registry: Registry, first: ModelError
) -> ModelError {
  var search = MissingOperatorSearch(registry, operatorSets)
  search.add(graph.nodes, []) { _ in false }
  return search.error ?? first
}

/// A walk over the nodes of a model that counts those without an operator.
private struct MissingOperatorSearch {
  private struct Key: Hashable {
    let name: String
    let domain: String
    let version: Int?
  }

  private let registry: Registry
  private let operatorSets: OperatorSets
  private var counts: [Key: Int] = [:]
  private var order: [Key] = []
  private var first: ModelError?

  init(_ registry: Registry, _ operatorSets: OperatorSets) {
    self.registry = registry
    self.operatorSets = operatorSets
  }

  /// Visits nodes, those of their subgraphs, and the bodies of the functions that they call.
  mutating func add(_ nodes: [Node], _ functions: [Function], _ isReplaced: (Node) -> Bool) {
    struct Name: Hashable { let domain, name, overload: String }
    let bodies = Dictionary(
      functions.map {
        (
          Name(
            domain: Registry.normalized(domain: $0.domain), name: $0.name,
            overload: $0.overload ?? ""), $0
        )
      }
    ) { first, _ in first }
    var seen: Set<Name> = []
    var waiting: [(nodes: [Node], versions: [String: Int])] = [(nodes, [:])]
    var next = 0
    while next < waiting.count {
      let (nodes, versions) = waiting[next]
      waiting[next].nodes = []
      next += 1
      for (index, node) in nodes.enumerated() {
        for attribute in node.attributes {
          switch attribute.value {
          case .graph(let graph): waiting.append((graph.nodes, versions))
          case .graphs(let graphs): waiting += graphs.map { ($0.nodes, versions) }
          default: break
          }
        }
        let domain = Registry.normalized(domain: node.domain)
        let name = Name(domain: domain, name: node.operatorType, overload: node.overload ?? "")
        if let body = bodies[name] {
          guard seen.insert(name).inserted else { continue }
          let sets = body.operatorSets.map {
            (Registry.normalized(domain: $0.domain), Int(clamping: $0.version))
          }
          waiting.append((body.nodes, Dictionary(sets) { _, last in last }))
        } else if !isReplaced(node) {
          check(node, at: index, domain, versions[domain])
        }
      }
    }
  }

  private mutating func check(_ node: Node, at index: Int, _ domain: String, _ version: Int?) {
    func fail(_ error: OperatorError) -> ModelError {
      .node(name: node.label(at: index), operatorType: node.operatorType, error)
    }
    var version = version
    var error: ModelError?
    if version == nil {
      do throws(ModelError) { version = try operatorSets.version(for: node, fail) } catch let thrown
      {
        error = thrown
      }
    }
    if let version {
      guard registry.find(node.operatorType, domain: domain, operatorSet: version) == nil
      else { return }
      error = fail(.unknownOperator(node.operatorType, domain: domain, version: version))
    }
    let key = Key(name: node.operatorType, domain: domain, version: version)
    if counts[key] == nil { order.append(key) }
    counts[key, default: 0] += 1
    if first == nil { first = error }
  }

  /// The missing operators, those of the most nodes first.
  var list: [MissingOperator] {
    // The sort is stable.
    order.map {
      MissingOperator(
        name: $0.name, domain: $0.domain, version: $0.version, count: counts[$0] ?? 0)
    }.sorted { $0.count > $1.count }
  }

  /// The error of a single node, or the one that names all missing operators.
  var error: ModelError? {
    let list = list
    if let only = list.first, list.count == 1, only.count == 1 { return first }
    return list.isEmpty ? nil : .unknownOperators(list)
  }
}

/// All missing operators in one line.
func unknownOperatorsText(_ missing: [MissingOperator]) -> String {
  let most = 50
  let names = missing.prefix(most).map { entry in
    let domain = entry.domain.isEmpty ? "ai.onnx" : entry.domain
    let version = entry.version.map { " at version \($0)" } ?? ", which the model does not import"
    return "'\(entry.name)' in domain '\(domain)'\(version) "
      + "(\(entry.count) \(entry.count == 1 ? "node" : "nodes"))"
  }
  let rest = missing.count > most ? " and \(missing.count - most) more" : ""
  let isStandard = missing.allSatisfy { OperatorError.isStandard($0.domain) }
  return "no operator \(names.joined(separator: ", "))\(rest)"
    + (isStandard ? "" : OperatorError.operatorsHint)
}
