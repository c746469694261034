import ONNX

extension Weights {
  /// The weights of a Keras file with the names and layouts of PyTorch's modules, so that they can be
  /// bound to a graph: `dense/kernel` becomes `dense.weight`, transposed. A module has the name of its
  /// layer, or its whole path where two layers share a name. The optimizer's state is left out. Other
  /// weights are returned as they are.
  public func inModules() -> Weights {
    guard layout == .keras, !isInModules else { return self }
    var layers: [(path: [String], layer: KerasLayer)] = []
    var known: [[String]: Int] = [:]
    for entry in entries {
      guard let name = KerasName(entry.name, title: { layerNames[$0] }) else { continue }
      let index = known[name.layer] ?? layers.count
      if index == layers.count {
        layers.append((name.layer, KerasLayer(kind: name.kind)))
        known[name.layer] = index
      }
      layers[index].layer.add(name, entry)
    }
    let counts = Dictionary(layers.map { ($0.path.last ?? "", 1) }, uniquingKeysWith: +)
    var result = self
    result.entries = []
    for (path, layer) in layers {
      let last = path.last ?? ""
      let module = counts[last] == 1 ? last : path.joined(separator: ".")
      result.entries += layer.parameters(module)
      result.resetsBefore[module] = layer.resetsBefore
    }
    result.isInModules = true
    return result
  }

  /// The names of modules of weights that `inModules()` returned, of all or of those with gates.
  var modules: (all: Set<String>, recurrent: Set<String>) {
    let gates = entries.filter { $0.name.hasSuffix(".weight_ih_l0") }
    return (
      Set(entries.map { ModulePath.parent($0.name) }), Set(gates.map { ModulePath.parent($0.name) })
    )
  }
}

extension Model {
  /// The model with the Keras layer of each node among its metadata, as PyTorch's exporter notes
  /// modules: the last component of the node's name, or of the name of one of its weights, that is a
  /// layer. tf2onnx writes `StatefulPartitionedCall/net/conv1/Conv2D`.
  /// - Parameters:
  ///   - layers: the names of the layers
  ///   - recurrent: those with gates
  func notingLayers(_ layers: Set<String>, recurrent: Set<String>) -> Model {
    var model = self
    var producers: [String: Int] = [:]
    var consumers: [String: [Int]] = [:]
    for (index, node) in graph.nodes.enumerated() {
      for name in node.outputs { producers[name] = index }
      for name in Set(node.inputs) { consumers[name, default: []].append(index) }
    }
    let ends = Set(layers.compactMap { $0.split(separator: ".").last.map(String.init) })
    func layer(_ name: String) -> String? { Self.layer(name, layers, ends) }
    /// The layer of a value, or of one that it is computed from by nodes without a layer.
    func above(_ name: String) -> String? {
      var open = [name]
      for _ in 0..<16 {
        guard let name = open.popLast() else { return nil }
        if let found = layer(name), recurrent.contains(found) { return found }
        if let index = producers[name] { open += graph.nodes[index].inputs.prefix(2).reversed() }
      }
      return nil
    }
    /// The layer of the nodes that use a value.
    func below(_ name: String) -> String? {
      var open = [name]
      for _ in 0..<16 {
        guard let name = open.popLast() else { return nil }
        for index in consumers[name] ?? [] {
          let node = graph.nodes[index]
          if let found = layer(node.name ?? ""), recurrent.contains(found) { return found }
          open += node.outputs
        }
      }
      return nil
    }
    for index in graph.nodes.indices {
      let node = graph.nodes[index]
      var found: String?
      if ["LSTM", "GRU", "RNN"].contains(node.operatorType) {
        // tf2onnx calls them LSTM__58. The initial state belongs to the layer, and so do outputs.
        let states = node.inputs.dropFirst(5).filter { !$0.isEmpty }
        found =
          ([node.name ?? ""] + node.inputs.dropFirst().prefix(3)).lazy.compactMap(layer).first
          ?? states.lazy.compactMap(above).first
          ?? node.outputs.lazy.compactMap(below).first
      } else {
        let names = [node.name ?? ""] + node.inputs.dropFirst() + node.outputs
        found = names.lazy.compactMap(layer).first
      }
      guard let found else { continue }
      model.graph.nodes[index].metadata.removeAll { $0.key == Node.scopes }
      model.graph.nodes[index].metadata.append(
        MetadataEntry(key: Node.scopes, value: "['\(found)', '\(node.operatorType)']"))
      // A normalization that is folded into a convolution gives its output the name.
      if let output = node.outputs.first, let last = layer(output), last != found {
        model.graph.nodes[index].metadata.append(
          MetadataEntry(key: Node.outputLayer, value: last))
      }
    }
    return model
  }

  /// The layer whose path is in a name.
  /// - Parameter ends: the last components of the layers
  private static func layer(
    _ name: String, _ layers: Set<String>, _ ends: Set<String>
  ) -> String? {
    guard !name.isEmpty, name.utf8.count < 1000 else { return nil }
    let parts = name.prefix { $0 != ":" }.split { $0 == "/" || $0 == "." }.prefix(32)
      .map(String.init)
    // The last component is an operation or a variable; layers may have the same name.
    for end in parts.indices.dropLast().reversed() + parts.indices.suffix(1)
    where ends.contains(parts[end]) {
      for start in 0...end {
        let path = parts[start...end].joined(separator: ".")
        if layers.contains(path) { return path }
      }
    }
    return nil
  }
}

extension Node {
  fileprivate static let scopes = "pkg.torch.onnx.name_scopes"
  fileprivate static let outputLayer = "output layer"

  /// The Keras layer that gave the node's output its name, if it is not the node's own.
  var layerOfOutput: String? { metadata.first { $0.key == Self.outputLayer }?.value }
}
