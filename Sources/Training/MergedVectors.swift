import ONNXFormat
import ONNXOperators

extension Model {
  /// The model with a vector of its own for each of PyTorch's parameters and running statistics.
  ///
  /// PyTorch's exporter merges vectors with equal elements, such as the scales and running variances of
  /// all normalizations of a new network. Training must tell them apart. The older exporter makes the
  /// others by `Identity`, under their names; the modules that the newer one notes in the nodes say
  /// which nodes share a vector in PyTorch, too.
  func separatingMergedVectors() -> Model {
    separatingCopiedVectors().separatingVectorsOfModules()
  }

  /// The model with an initializer in place of each `Identity` of a vector.
  private func separatingCopiedVectors() -> Model {
    let vectors = Dictionary(
      graph.initializers.lazy.filter { $0.tensor.shape.count == 1 }.compactMap { initializer in
        initializer.name.map { ($0, initializer.tensor) }
      }, uniquingKeysWith: { first, _ in first })
    let outputs = Set(graph.outputs.map(\.name))
    var model = self
    model.graph.nodes = []
    for node in graph.nodes {
      if node.operatorType == "Identity", node.domain ?? "" == "", node.inputs.count == 1,
        node.outputs.count == 1, !outputs.contains(node.outputs[0]),
        let vector = vectors[node.inputs[0]]
      {
        model.graph.initializers.append(NamedTensor(node.outputs[0], vector))
      } else {
        model.graph.nodes.append(node)
      }
    }
    return model
  }

  private func separatingVectorsOfModules() -> Model {
    var tensors: [String: Tensor] = [:]
    for initializer in graph.initializers where initializer.tensor.shape.count <= 1 {
      if let name = initializer.name { tensors[name] = initializer.tensor }
    }
    let places = Dictionary(
      graph.nodes.enumerated().compactMap { place, node in node.outputs.first.map { ($0, place) } },
      uniquingKeysWith: { first, _ in first })
    var model = self
    var builder = GraphBuilder(taken: graph.allNames)
    /// The vector of each of PyTorch's names, by the name of the merged one.
    var separate: [String: [String: String]] = [:]
    for use in graph.parameterUses {
      guard let tensor = tensors[use.name], let own = use.moduleName,
        let place = use.node.outputs.first.flatMap({ places[$0] }),
        graph.nodes[place].inputs[use.input] == use.name
      else { continue }
      if separate[use.name] == nil { separate[use.name] = [own: use.name] }
      let name = separate[use.name]?[own] ?? builder.constant(tensor, hint: own)
      separate[use.name]?[own] = name
      model.graph.nodes[place].inputs[use.input] = name
    }
    model.graph.initializers += builder.initializers
    return model
  }
}
