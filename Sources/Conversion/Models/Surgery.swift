import ONNX

extension Model {
  /// The part of the graph that computes `outputs` from `inputs`.
  ///
  /// - Parameters:
  ///   - inputs: names of values that become the inputs; empty for the graph's own
  ///   - outputs: names of values that become the outputs; empty for the graph's own
  /// - Throws: `ConversionError` for an unknown name, and where the outputs depend on another input
  public func extracting(
    inputs: [String], outputs: [String]
  ) throws(ConversionError) -> Model {
    let types = valueTypes()
    var names: Set<String> = []
    for node in graph.nodes { names.formUnion(node.outputs) }
    names.formUnion(graph.inputs.map(\.name) + graph.initializers.compactMap(\.name))
    func info(_ name: String) throws(ConversionError) -> ValueInfo {
      guard names.contains(name), !name.isEmpty else {
        let hint = nearest(name, Array(names)).map { "; did you mean \($0.quoted)?" } ?? ""
        throw ConversionError("the graph has no value \(name.quoted)\(hint)")
      }
      return (graph.inputs + graph.outputs).first { $0.name == name }
        ?? ValueInfo(name, types[name])
    }
    var result = self
    if !inputs.isEmpty {
      result.graph.inputs = []
      for name in inputs { result.graph.inputs.append(try info(name)) }
    }
    if !outputs.isEmpty {
      result.graph.outputs = []
      for name in outputs { result.graph.outputs.append(try info(name)) }
    }
    let given = Set(result.graph.inputs.map(\.name))
    result.graph.nodes = graph.nodes.compactMap { node in
      var node = node
      // An input must not be computed too.
      node.outputs = node.outputs.map { given.contains($0) ? "" : $0 }
      return node.outputs.contains { !$0.isEmpty } ? node : nil
    }
    result.trainingInfos = []
    result.removeUnused()
    let own = Set(graph.inputs.map(\.name))
    let constants = Set(
      graph.initializers.compactMap(\.name)
        + graph.sparseInitializers.compactMap { $0.values.name })
    for name in result.graph.freeNames where own.contains(name) && !given.contains(name) {
      if constants.contains(name) { continue }
      throw ConversionError("the outputs also depend on the input \(name.quoted)")
    }
    if !inputs.isEmpty {
      result.graph.initializers.removeAll {
        given.contains($0.name ?? "") && inputs.contains($0.name ?? "")
      }
    }
    return result
  }

  /// The types of the graph's values that are stated or can be inferred.
  func valueTypes(_ operators: [any Operator.Type] = []) -> [String: ValueType] {
    var types: [String: ValueType] = [:]
    for info in graph.valueInfos + graph.outputs + graph.inputs { types[info.name] = info.type }
    for initializer in graph.initializers {
      if let name = initializer.name { types[name] = .tensor(initializer.tensor.type) }
    }
    guard let found = try? Session(self, options: .checking(operators)).types() else {
      return types
    }
    return types.merging(found) { stated, found in
      found.tensorType?.shape == nil && stated.tensorType?.shape != nil ? stated : found
    }
  }

  /// Removes nodes, initializers, functions and types of values that no output depends on.
  mutating func removeUnused() {
    graph.removeUnused()
    var called: Set<String> = []
    var waiting = graph.nodes
    while let node = waiting.popLast() {
      waiting += node.subgraphs.flatMap(\.nodes)
      for function in functions where function.isCalled(by: node) {
        if called.insert(function.identity).inserted { waiting += function.nodes }
      }
    }
    functions.removeAll { !called.contains($0.identity) }
  }
}

extension Function {
  fileprivate var identity: String {
    "\(Registry.normalized(domain: domain))\0\(name)\0\(overload ?? "")"
  }

  func isCalled(by node: Node) -> Bool {
    node.operatorType == name && (node.overload ?? "") == (overload ?? "")
      && Registry.normalized(domain: node.domain) == Registry.normalized(domain: domain)
  }
}

extension Node {
  /// The graphs of the attributes.
  var subgraphs: [Graph] {
    attributes.flatMap { attribute -> [Graph] in
      switch attribute.value {
      case .graph(let graph): [graph]
      case .graphs(let graphs): graphs
      default: []
      }
    }
  }
}

extension Graph {
  /// Names that are used but are not outputs of a node.
  var freeNames: Set<String> {
    let made = Set(nodes.flatMap(\.outputs))
    return Set(nodes.flatMap(\.usedNames)).union(outputs.map(\.name)).subtracting(made)
  }

  mutating func removeUnused() {
    var producers: [String: Int] = [:]
    for (index, node) in nodes.enumerated() {
      for output in node.outputs where !output.isEmpty { producers[output] = index }
    }
    var used: Set<String> = []
    var isAlive = [Bool](repeating: false, count: nodes.count)
    var waiting = outputs.map(\.name)
    while let name = waiting.popLast() {
      guard used.insert(name).inserted, let index = producers[name], !isAlive[index] else {
        continue
      }
      isAlive[index] = true
      waiting += nodes[index].usedNames
    }
    nodes = zip(nodes, isAlive).filter(\.1).map(\.0)
    let inputs = Set(inputs.map(\.name))
    initializers.removeAll { !used.contains($0.name ?? "") && !inputs.contains($0.name ?? "") }
    sparseInitializers.removeAll { !used.contains($0.values.name ?? "") }
    let known = used.union(nodes.flatMap(\.outputs))
    valueInfos.removeAll { !known.contains($0.name) }
    quantizationAnnotations.removeAll { !known.contains($0.tensorName ?? "") }
  }
}
