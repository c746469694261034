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

  /// The names of modules of weights that `inModules()` returned.
  var modules: Set<String> { Set(entries.map { ModulePath.parent($0.name) }) }
}

extension Model {
  /// The model with the Keras layer of each node among its metadata, as PyTorch's exporter notes
  /// modules: the last component of the node's name, or of the name of one of its weights, that is a
  /// layer. tf2onnx writes `StatefulPartitionedCall/net/conv1/Conv2D`.
  func notingLayers(_ layers: Set<String>) -> Model {
    var model = self
    for index in model.graph.nodes.indices {
      let node = model.graph.nodes[index]
      let names = [node.name ?? ""] + node.inputs.dropFirst() + node.outputs
      guard let layer = names.lazy.compactMap({ Self.layer($0, layers) }).first else { continue }
      model.graph.nodes[index].metadata.removeAll { $0.key == Self.scopes }
      model.graph.nodes[index].metadata.append(
        MetadataEntry(key: Self.scopes, value: "['\(layer)', '\(node.operatorType)']"))
    }
    return model
  }

  private static var scopes: String { "pkg.torch.onnx.name_scopes" }

  private static func layer(_ name: String, _ layers: Set<String>) -> String? {
    guard name.utf8.count < 1000 else { return nil }
    let parts = name.split { $0 == "/" || $0 == "." || $0 == ":" }.prefix(32).map(String.init)
    for end in parts.indices.reversed() {
      for start in 0...end {
        let path = parts[start...end].joined(separator: ".")
        if layers.contains(path) { return path }
      }
    }
    return nil
  }
}
