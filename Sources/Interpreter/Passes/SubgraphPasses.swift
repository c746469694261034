import ONNXFormat
import ONNXOperators

extension [any Pass] {
  /// Runs the passes on every graph that a node of `graph` holds, as on a model of its own: captured
  /// constants are its initializers, and other captured values its inputs.
  /// - Parameters:
  ///   - context: the types of the values of `graph`
  ///   - outer: the constants of the graphs around `graph`
  func applyToSubgraphs(
    of graph: inout Graph, _ context: PassContext, outer: [String: Tensor] = [:]
  ) throws(ModelError) {
    guard graph.nodes.contains(where: \.hasSubgraph) else { return }
    var constants = outer
    for name in graph.definedNames { constants[name] = nil }
    for initializer in graph.initializers {
      if let name = initializer.name { constants[name] = initializer.tensor }
    }
    for index in graph.nodes.indices {
      for place in graph.nodes[index].attributes.indices {
        guard case .graph(let body) = graph.nodes[index].attributes[place].value else { continue }
        let changed = try optimized(body, context, constants)
        graph.nodes[index].attributes[place].value = .graph(changed)
      }
    }
  }

  private func optimized(
    _ body: Graph, _ context: PassContext, _ constants: [String: Tensor]
  ) throws(ModelError) -> Graph {
    var model = Model(graph: body, operatorSets: [])
    let captured = body.nodes.flatMap(\.usedNames) + body.outputs.map(\.name)
    var known = body.definedNames
    var types: [String: ValueType] = [:]
    for name in captured where known.insert(name).inserted {
      if let tensor = constants[name] {
        model.graph.initializers.append(NamedTensor(name, tensor))
      } else {
        model.graph.inputs.append(ValueInfo(name, context.types[name]))
      }
    }
    // The shapes of carried values may change from one run of the body to the next.
    for index in body.inputs.indices {
      let type = body.inputs[index].type?.tensorType?.elementType
      model.graph.inputs[index].type = type.map { .tensor($0, nil as Shape?) }
    }
    if let program = try? Program(
      model.graph, operatorSets: context.operatorSets, engine: context.engine),
      let inference = try? Inference(
        program, inputs: program.inputTypes, engine: context.engine, lenient: true)
    {
      types = inference.types(of: program)
    }
    let inner = PassContext(
      types: types, operatorSets: context.operatorSets, engine: context.engine)
    _ = try apply(to: &model, inner)
    try applyToSubgraphs(of: &model.graph, inner, outer: constants)
    model.graph.inputs = body.inputs
    return model.graph
  }
}

extension Graph {
  /// The names of all values that the graph defines.
  fileprivate var definedNames: Set<String> {
    var names = Set(inputs.map(\.name))
    names.formUnion(initializers.compactMap(\.name))
    names.formUnion(sparseInitializers.compactMap(\.values.name))
    for node in nodes { names.formUnion(node.outputs) }
    names.insert("")
    return names
  }
}
