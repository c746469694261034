import ONNXFormat
import ONNXInterpreter
import ONNXOperators

extension Differentiation {
  /// Adds a node with the operator and inputs of `node`, whose branches run those of `node` and then
  /// their gradients.
  /// - Parameters:
  ///   - node: a node that runs one of its graph attributes
  ///   - outputs: the gradient of each output; `nil` where there is none
  ///   - captures: the values around the node to differentiate by
  /// - Returns: the names of the gradients, one for each of `captures`.
  func differentiateBranches(
    of node: Node, outputs: [String?], by captures: [String], _ builder: inout GraphBuilder
  ) throws(ModelError) -> [String] {
    var graphs: [(name: String, graph: Graph?)] = []
    for attribute in node.attributes {
      guard case .graph(let branch) = attribute.value else { continue }
      graphs.append((attribute.name, try differentiate(branch, outputs: outputs, by: captures)))
    }
    // A branch whose operators refuse the captured values' types is never taken.
    guard let fitting = graphs.lazy.compactMap(\.graph).first else {
      throw .node(
        name: node.name ?? "", operatorType: node.operatorType,
        .invalid("no branch fits the types of the values that it captures"))
    }
    let attributes = graphs.map { name, graph in
      let place = builder.unique("\(node.outputs.first ?? node.operatorType)_grad_\(name)")
      return Attribute(name, .graph(isolated(graph ?? fitting, in: place + "/")))
    }
    return builder.nodes(
      node.operatorType, node.inputs, attributes, outputs: captures.map { "\($0)_grad" },
      domain: node.domain)
  }

  /// The branch with the gradients of Σᵢ Σ outputᵢ · gradientᵢ with respect to `captures` as its
  /// outputs; `nil` where its operators refuse the types of captured values.
  private func differentiate(
    _ branch: Graph, outputs: [String?], by captures: [String]
  ) throws(ModelError) -> Graph? {
    guard branch.outputs.count == outputs.count else {
      throw .graph("a branch has \(branch.outputs.count) outputs, the node \(outputs.count)")
    }
    let (closed, used) = closed(branch, by: captures, and: outputs.compactMap { $0 })
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
    // A graph's outputs have to come from its own nodes.
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

  /// A graph attribute as a graph of its own: the values that it captures are initializers if they are
  /// constant and not among those to differentiate by, and inputs otherwise.
  /// - Parameter others: other values around the node to make inputs
  /// - Returns: the graph and the names of the captured values.
  func closed(
    _ body: Graph, by captures: [String], and others: [String] = []
  ) -> (graph: Graph, captured: Set<String>) {
    var closed = body
    let own = body.ownNames
    let captured = Set(body.nodes.flatMap(\.usedNames) + body.outputs.map(\.name))
      .subtracting(own).union(captures)
    for name in captured.union(others).subtracting(own) {
      if let tensor = constants[name], !captures.contains(name) {
        closed.initializers.append(NamedTensor(name, tensor))
      } else {
        closed.inputs.append(ValueInfo(name, types[name]))
      }
    }
    return (closed, captured)
  }

  /// The graph with `prefix` before all names that it defines.
  func isolated(_ graph: Graph, in prefix: String) -> Graph {
    let own = graph.ownNames
    var body = FunctionBody(prefix: prefix)
    for name in graph.nodes.flatMap(\.usedNames) where !own.contains(name) {
      body.names[name] = name
    }
    return body.renamed(graph)
  }
}

extension Graph {
  /// The names that the graph itself defines.
  var ownNames: Set<String> {
    Set(
      inputs.map(\.name) + initializers.compactMap(\.name)
        + sparseInitializers.compactMap(\.values.name) + nodes.flatMap(\.outputs)
    ).subtracting([""])
  }
}
