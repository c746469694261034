import ONNXFormat
import ONNXOperators

/// One call of a function: the values of its attributes, and the names that stand for its own.
package struct FunctionBody {
  /// The text before every name that the call makes.
  package let prefix: String
  /// The caller's names by the function's.
  package var names: [String: String] = [:]
  /// The function's operator set versions, by domain.
  package var versions: [String: Int] = [:]
  /// The values of the function's attributes, by name.
  package var attributes: [String: Attribute] = [:]

  package init(prefix: String) { self.prefix = prefix }

  private func rename(_ name: String) -> String {
    name.isEmpty ? "" : names[name] ?? prefix + name
  }

  /// The most bytes that an entry of a list or table takes besides its text.
  static let bytesEach = 64

  /// An upper bound on the bytes of the names and lists that `renamed` makes.
  func bytes(of node: Node) -> Int {
    var total = 0
    func add(_ names: [String]) {
      for name in names where total < 1 << 60 {
        total += Self.bytesEach + prefix.utf8.count + name.utf8.count
      }
    }
    var waiting = [node]
    while let node = waiting.popLast() {
      add([node.name ?? node.operatorType])
      add(node.inputs)
      add(node.outputs)
      for attribute in node.attributes {
        total += 2 * Self.bytesEach
        guard case .graph(let graph) = attribute.value else { continue }
        add((graph.inputs + graph.outputs).map(\.name))
        add((graph.initializers + graph.sparseInitializers.map(\.values)).map { $0.name ?? "" })
        waiting += graph.nodes
      }
    }
    return total
  }

  /// The node under the caller's names, with the call's attributes.
  package func renamed(_ node: Node) -> Node {
    var node = node
    node.name = prefix + (node.name ?? node.operatorType)
    node.inputs = node.inputs.map(rename)
    node.outputs = node.outputs.map(rename)
    node.operatorSetVersion =
      versions[Registry.normalized(domain: node.domain)] ?? node.operatorSetVersion
    node.attributes = node.attributes.compactMap { attribute in
      switch attribute.value {
      case .reference(let name, _):
        // An optional attribute that the call leaves out is left out of the node.
        guard var value = attributes[name] else { return nil }
        value.name = attribute.name
        return value
      case .graph(let graph):
        return Attribute(attribute.name, .graph(renamed(graph)))
      default: return attribute
      }
    }
    return node
  }

  /// A graph attribute under the caller's names; its own get the prefix.
  package func renamed(_ graph: Graph) -> Graph {
    var inner = self
    let own =
      graph.inputs.map(\.name) + graph.initializers.compactMap(\.name)
      + graph.sparseInitializers.compactMap(\.values.name) + graph.nodes.flatMap(\.outputs)
    for name in own { inner.names[name] = prefix + name }
    var result = graph
    for index in result.inputs.indices {
      result.inputs[index].name = inner.rename(result.inputs[index].name)
    }
    for index in result.outputs.indices {
      result.outputs[index].name = inner.rename(result.outputs[index].name)
    }
    for index in result.initializers.indices {
      result.initializers[index].name = result.initializers[index].name.map(inner.rename)
    }
    for index in result.sparseInitializers.indices {
      result.sparseInitializers[index].values.name =
        result.sparseInitializers[index].values.name.map(inner.rename)
    }
    result.valueInfos = []
    result.nodes = graph.nodes.map(inner.renamed)
    return result
  }
}
