import ONNX
import ONNXOperators

extension Graph {
  /// Renames values of subgraphs whose names another graph has, so that each value of the model has a
  /// name of its own. Subgraphs take and return values by position.
  mutating func makeInnerNamesUnique() {
    var taken = Set(inputs.map(\.name) + initializers.compactMap(\.name))
    taken.formUnion(nodes.flatMap(\.outputs))
    makeInnerNamesUnique(&taken, all: allNames)
  }

  private mutating func makeInnerNamesUnique(_ taken: inout Set<String>, all: Set<String>) {
    for index in nodes.indices {
      nodes[index].changeSubgraphs { graph in
        var renamed: [String: String] = [:]
        let own =
          graph.inputs.map(\.name) + graph.initializers.compactMap(\.name)
          + graph.sparseInitializers.compactMap(\.values.name)
          + graph.nodes.flatMap(\.outputs)
        for name in own where !name.isEmpty && renamed[name] == nil {
          guard !taken.insert(name).inserted else {
            renamed[name] = name
            continue
          }
          var number = 1
          while all.contains("\(name)_\(number)") || taken.contains("\(name)_\(number)") {
            number += 1
          }
          renamed[name] = "\(name)_\(number)"
          taken.insert("\(name)_\(number)")
        }
        if renamed.contains(where: { $0.key != $0.value }) {
          graph.renameValues { renamed[$0] ?? $0 }
        }
        graph.makeInnerNamesUnique(&taken, all: all)
      }
    }
  }

  /// Removes nodes and initializers that no output depends on, from subgraphs first.
  mutating func removeUnusedInside() {
    for index in nodes.indices {
      nodes[index].changeSubgraphs {
        $0.removeUnusedInside()
        $0.removeUnused()
      }
    }
  }
}

extension Node {
  /// Changes the graphs of the attributes.
  mutating func changeSubgraphs<E: Error>(_ change: (inout Graph) throws(E) -> Void) throws(E) {
    for index in attributes.indices {
      switch attributes[index].value {
      case .graph(var graph):
        try change(&graph)
        attributes[index].value = .graph(graph)
      case .graphs(var graphs):
        for place in graphs.indices { try change(&graphs[place]) }
        attributes[index].value = .graphs(graphs)
      default: break
      }
    }
  }
}

extension Model {
  /// The types of the values of all graphs, as far as they are stated or can be inferred. Each value
  /// must have a name of its own.
  func allValueTypes(_ operators: [any Operator.Type] = []) -> [String: ValueType] {
    var types = valueTypes(operators)
    guard graph.nodes.contains(where: { !$0.subgraphs.isEmpty }) else { return types }
    let scope = ConversionScope(self, operators)
    var versions: [String: Int] = [:]
    for set in operatorSets {
      versions[Registry.normalized(domain: set.domain)] = Int(clamping: set.version)
    }
    func visit(_ graph: Graph, _ scope: ConversionScope) {
      scope.enter(graph)
      for node in graph.nodes {
        for graph in node.subgraphs { visit(graph, scope.inner()) }
        let version = versions[Registry.normalized(domain: node.domain)] ?? 1
        scope.infer(node, operatorSet: node.operatorSetVersion ?? version)
        inferBranches(node, scope)
        for name in node.outputs where types[name] == nil { types[name] = scope.type(of: name) }
      }
      for info in graph.inputs where types[info.name] == nil {
        types[info.name] = scope.type(of: info.name)
      }
      for initializer in graph.initializers {
        if let name = initializer.name { types[name] = .tensor(initializer.tensor.type) }
      }
    }
    /// The outputs of an `If` have the element types of a branch's outputs.
    func inferBranches(_ node: Node, _ scope: ConversionScope) {
      guard node.isStandard("If"), let branch = node.subgraphs.first else { return }
      for (name, output) in zip(node.outputs, branch.outputs) where scope.type(of: name) == nil {
        guard let type = types[output.name] ?? scope.type(of: output.name) ?? output.type else {
          continue
        }
        scope.declare(name, type.tensorType.map { .tensor($0.elementType, nil) } ?? type)
      }
    }
    visit(graph, scope)
    return types
  }
}
