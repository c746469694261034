import ONNXFormat

/// An input of a node that takes a tensor of the graph, in a place where operators have parameters.
package struct ParameterUse: Sendable {
  /// The name of the tensor.
  package let name: String
  package let role: ParameterInput.Role
  /// Whether the input takes parameters only. Arithmetic takes other constants too.
  package let isCertain: Bool
  package let node: Node
  /// The position among the node's inputs.
  package let input: Int

  /// The name that PyTorch has for the parameter, by the module that an exporter notes in the node;
  /// `nil` where it notes none.
  package var moduleName: String? {
    guard let path = ModulePath.of(node) else { return nil }
    let leaf =
      switch role {
      case .weight: "weight"
      case .bias: "bias"
      case .mean: "running_mean"
      case .variance: "running_var"
      case .inputWeights: "weight_ih_l0"
      case .stateWeights: "weight_hh_l0"
      case .gateBiases: "bias_ih_l0"
      }
    return ModulePath.join(path, leaf)
  }
}

extension Graph {
  /// The uses of initializers as parameters, in this graph and its subgraphs, also behind nodes that
  /// only move or convert the elements of a weight.
  package var parameterUses: [ParameterUse] {
    let names = Set(initializers.compactMap(\.name))
    var origins: [String: String] = [:]
    var uses: [ParameterUse] = []
    func visit(_ nodes: [Node]) {
      for node in nodes {
        if Self.movesWeights.contains(node.operatorType), let input = node.inputs.first,
          let output = node.outputs.first
        {
          origins[output] = origins[input] ?? input
        }
        for parameter in node.facts?.parameters ?? [] where parameter.input < node.inputs.count {
          let given = node.inputs[parameter.input]
          let name = origins[given] ?? given
          guard names.contains(name) else { continue }
          uses.append(
            ParameterUse(
              name: name, role: parameter.role, isCertain: parameter.isCertain, node: node,
              input: parameter.input))
        }
        for attribute in node.attributes {
          if case .graph(let graph) = attribute.value { visit(graph.nodes) }
        }
      }
    }
    visit(nodes)
    return uses
  }

  private static let movesWeights: Set = [
    "Cast", "DequantizeLinear", "Identity", "Reshape", "Squeeze", "Transpose", "Unsqueeze",
  ]

  /// The names that PyTorch has for initializers, by the initializers' names, as far as an exporter
  /// notes modules.
  package var moduleNames: [String: Set<String>] {
    var names: [String: Set<String>] = [:]
    for use in parameterUses {
      if let name = use.moduleName { names[use.name, default: []].insert(name) }
    }
    return names
  }
}
