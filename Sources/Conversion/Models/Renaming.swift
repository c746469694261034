import ONNX

extension Model {
  /// The model with new names for values: inputs, outputs, initializers and intermediate values,
  /// including those of subgraphs.
  /// - Parameter names: new names by old names
  /// - Throws: `ConversionError` for an old name that does not exist and a new one that does
  public func renaming(_ names: [String: String]) throws(ConversionError) -> Model {
    let taken = graph.allNames
    for (old, new) in names.sorted(by: { $0.key < $1.key }) {
      guard taken.contains(old), !old.isEmpty else {
        let hint = nearest(old, Array(taken)).map { "; did you mean \($0.quoted)?" } ?? ""
        throw ConversionError("the graph has no value \(old.quoted)\(hint)")
      }
      guard !new.isEmpty else { throw ConversionError("the new name of \(old.quoted) is empty") }
      guard !taken.contains(new) || names[new] != nil else {
        throw ConversionError("a value \(new.quoted) exists already")
      }
    }
    guard Set(names.values).count == names.count else {
      throw ConversionError("two values would have the same name")
    }
    var result = self
    let rename: (String) -> String = { names[$0] ?? $0 }
    result.graph.renameValues(rename)
    for index in result.trainingInfos.indices {
      result.trainingInfos[index].initialization?.renameValues(rename)
      result.trainingInfos[index].algorithm?.renameValues(rename)
      result.trainingInfos[index].initializationBindings.rename(rename)
      result.trainingInfos[index].updateBindings.rename(rename)
    }
    return result
  }
}

extension [MetadataEntry] {
  fileprivate mutating func rename(_ rename: (String) -> String) {
    for index in indices {
      self[index].key = rename(self[index].key)
      self[index].value = rename(self[index].value)
    }
  }
}

extension Graph {
  /// The names of all values, including those of subgraphs.
  var allNames: Set<String> {
    var names = Set(inputs.map(\.name) + outputs.map(\.name) + initializers.compactMap(\.name))
    names.formUnion(sparseInitializers.compactMap(\.values.name))
    for node in nodes {
      names.formUnion(node.inputs + node.outputs)
      for graph in node.subgraphs { names.formUnion(graph.allNames) }
    }
    names.remove("")
    return names
  }

  /// Renames values, including those of subgraphs.
  mutating func renameValues(_ rename: (String) -> String) {
    for index in inputs.indices { inputs[index].name = rename(inputs[index].name) }
    for index in outputs.indices { outputs[index].name = rename(outputs[index].name) }
    for index in valueInfos.indices { valueInfos[index].name = rename(valueInfos[index].name) }
    for index in initializers.indices {
      initializers[index].name = initializers[index].name.map(rename)
    }
    for index in sparseInitializers.indices {
      sparseInitializers[index].values.name = sparseInitializers[index].values.name.map(rename)
    }
    for index in quantizationAnnotations.indices {
      let old = quantizationAnnotations[index]
      quantizationAnnotations[index].tensorName = old.tensorName.map(rename)
      for entry in old.parameters.indices {
        quantizationAnnotations[index].parameters[entry].value = rename(old.parameters[entry].value)
      }
    }
    for index in nodes.indices { nodes[index].renameValues(rename) }
  }
}

extension Node {
  mutating func renameValues(_ rename: (String) -> String) {
    inputs = inputs.map { $0.isEmpty ? "" : rename($0) }
    outputs = outputs.map { $0.isEmpty ? "" : rename($0) }
    renameInSubgraphs(rename)
  }

  /// Renames the values of subgraphs, and those that they take from the outer graph.
  mutating func renameInSubgraphs(_ rename: (String) -> String) {
    for index in attributes.indices {
      switch attributes[index].value {
      case .graph(var graph):
        graph.renameValues(rename)
        attributes[index].value = .graph(graph)
      case .graphs(var graphs):
        for place in graphs.indices { graphs[place].renameValues(rename) }
        attributes[index].value = .graphs(graphs)
      default: break
      }
    }
  }
}
