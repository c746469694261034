import ONNXFormat
import ONNXOperators
import ONNXOps

extension Differentiation {
  /// Adds an `If` on the same condition whose branches run those of `node` again and then backward.
  /// - Parameters:
  ///   - outputs: the gradient of each output, `nil` where there is none
  ///   - captures: values around the node that its branches use
  /// - Returns: the gradient by each of `captures`.
  func differentiateBranches(
    of node: Node, outputs: [String?], by captures: [String], _ builder: inout GraphBuilder
  ) throws(ModelError) -> [String] {
    var graphs: [(name: String, graph: Graph?)] = []
    for attribute in node.attributes {
      guard case .graph(let branch) = attribute.value else { continue }
      graphs.append((attribute.name, try differentiate(branch, outputs: outputs, by: captures)))
    }
    // A branch that does not fit what it uses is never taken.
    guard let fitting = graphs.lazy.compactMap(\.graph).first else {
      throw .node(
        name: node.name ?? "", operatorType: node.operatorType,
        .invalid("no branch fits the values that it uses"))
    }
    let attributes = graphs.map { name, graph in
      let place = builder.unique("\(node.outputs.first ?? "if")_grad_\(name)")
      return Attribute(name, .graph(isolated(graph ?? fitting, in: place + "/")))
    }
    return builder.nodes(
      "If", [node.inputs.first ?? ""], attributes, outputs: captures.map { "\($0)_grad" })
  }

  /// The branch, whose outputs are the gradients of Σᵢ Σ outputᵢ · gradientᵢ by `captures`; `nil`
  /// where it does not fit the types of what it uses.
  private func differentiate(
    _ branch: Graph, outputs: [String?], by captures: [String]
  ) throws(ModelError) -> Graph? {
    guard branch.outputs.count == outputs.count else {
      throw .graph("a branch has \(branch.outputs.count) outputs, the node \(outputs.count)")
    }
    var closed = branch
    let own = branch.ownNames
    let used = Set(branch.nodes.flatMap(\.usedNames) + branch.outputs.map(\.name))
      .subtracting(own).union(captures)
    for name in used.union(outputs.compactMap { $0 }).subtracting(own) {
      if let tensor = constants[name], !captures.contains(name) {
        closed.initializers.append(NamedTensor(name, tensor))
      } else {
        closed.inputs.append(ValueInfo(name, types[name]))
      }
    }
    guard var inner = try? Differentiation(closed, operatorSets: operatorSets, engine: engine)
    else { return nil }
    let ends = zip(branch.outputs, outputs).compactMap { output, gradient in
      gradient.map { (value: output.name, gradient: $0) }
    }
    let gradients = try inner.gradients(
      from: ends, by: captures, GraphBuilder(taken: inner.graph.allNames))
    var result = inner.graph
    var zeros = GraphBuilder(taken: result.allNames)
    let found = captures.map { gradients[$0] ?? zeros.sub($0, $0) }
    result.nodes += zeros.nodes
    // An output of a graph has to be made in it.
    result.outputs = found.map { ValueInfo(zeros.unique("\($0)_out"), nil) }
    for (output, name) in zip(result.outputs, found) {
      var node = Node("Identity", inputs: [name], outputs: [output.name])
      node.operatorSetVersion = GraphBuilder.operatorSet
      result.nodes.append(node)
    }
    result.inputs = []
    result.initializers.removeAll { used.contains($0.name ?? "") }
    result.valueInfos = []
    return result
  }

  /// The graph with `prefix` before all names that it makes itself.
  private func isolated(_ graph: Graph, in prefix: String) -> Graph {
    let own = graph.ownNames
    var body = FunctionBody(prefix: prefix)
    for name in graph.nodes.flatMap(\.usedNames) where !own.contains(name) {
      body.names[name] = name
    }
    return body.renamed(graph)
  }
}

extension Graph {
  /// The names of values that the graph itself makes or holds.
  fileprivate var ownNames: Set<String> {
    Set(
      inputs.map(\.name) + initializers.compactMap(\.name)
        + sparseInitializers.compactMap(\.values.name) + nodes.flatMap(\.outputs)
    ).subtracting([""])
  }
}
