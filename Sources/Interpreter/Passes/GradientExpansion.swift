import ONNXFormat
import ONNXOperators
import ONNXOps

/// Replaces every `Gradient` node of `ai.onnx.preview.training` by the nodes that compute it.
///
/// Its attributes name values of the graph: `xs` and `zs`, on which `y` depends. Its inputs are what
/// `xs` and `zs` are to be instead, and its outputs the gradients of `y` by `xs` there.
func expandGradients(
  _ graph: inout Graph, operatorSets: OperatorSets, engine: Engine
) throws(ModelError) {
  while let index = graph.nodes.firstIndex(where: \.isGradient) {
    let node = graph.nodes.remove(at: index)
    let label = node.name.flatMap { $0.isEmpty ? nil : $0 } ?? "#\(index)"
    do throws(OperatorError) {
      try expand(node, &graph, operatorSets: operatorSets, engine: engine)
    } catch {
      throw .node(name: label, operatorType: node.operatorType, error)
    }
    guard graph.nodes.count <= engine.options.maxNodes else {
      throw .graph("with its gradients the model has more than \(engine.options.maxNodes) nodes")
    }
  }
}

extension Node {
  fileprivate var isGradient: Bool {
    operatorType == "Gradient" && domain == "ai.onnx.preview.training"
  }
}

private func expand(
  _ node: Node, _ graph: inout Graph, operatorSets: OperatorSets, engine: Engine
) throws(OperatorError) {
  var reader = try NodeReader(node, version: 1)
  let xs = try reader.optionalStrings("xs") ?? []
  let zs = try reader.optionalStrings("zs") ?? []
  let y = try reader.string("y")
  try reader.finish()
  guard !xs.isEmpty else { throw .attribute("xs", "is missing") }
  guard Set(xs + zs).count == xs.count + zs.count else {
    throw .attribute("xs", "a name is given twice, in xs or zs")
  }
  guard node.inputs.count == xs.count + zs.count else {
    throw .invalid("expected \(xs.count + zs.count) inputs, got \(node.inputs.count)")
  }
  guard node.outputs.count <= xs.count else {
    throw .invalid("expected at most \(xs.count) outputs, got \(node.outputs.count)")
  }

  // The part of the graph between the given values and y, with the inputs in their place.
  var slice = graph
  slice.nodes = zip(graph.nodes, graph.nodes(neededFor: [y], from: Set(xs + zs)).isNeeded)
    .filter(\.1).map(\.0)
  guard slice.nodes.allSatisfy({ !$0.isGradient }) else {
    throw .unsupported("y depends on a Gradient node further down")
  }
  let cut = Set(xs + zs).subtracting(graph.inputs.map(\.name))
    .subtracting(graph.initializers.compactMap(\.name))
  let isInPlace = node.inputs == xs + zs && cut.isEmpty
  var names: [String: String] = [:]
  var builder = GraphBuilder(taken: graph.allNames)
  if !isInPlace {
    // Copies, so that one given value does not count as a function of another.
    for (name, input) in zip(xs + zs, node.inputs) {
      names[name] = builder.node("Identity", [input], hint: name)
    }
    for output in slice.nodes.flatMap(\.outputs) where !output.isEmpty && names[output] == nil {
      names[output] = builder.unique(output)
    }
    for index in slice.nodes.indices {
      guard !slice.nodes[index].hasSubgraph else {
        throw .unsupported("a graph attribute on the way to y")
      }
      slice.nodes[index].inputs = slice.nodes[index].inputs.map { names[$0] ?? $0 }
      slice.nodes[index].outputs = slice.nodes[index].outputs.map { names[$0] ?? $0 }
    }
    slice.nodes = graph.nodes.filter { !$0.isGradient } + builder.nodes + slice.nodes
  }
  slice.outputs = []
  slice.valueInfos = []
  let places = xs.map { names[$0] ?? $0 }
  let result: Graph
  let gradients: [String: String]
  do {
    var differentiation = try Differentiation(slice, operatorSets: operatorSets, engine: engine)
    gradients = try differentiation.gradients(of: names[y] ?? y, by: places)
    result = differentiation.graph
  } catch {
    throw .subgraph(error.description)
  }
  let replaced = Set(result.nodes.flatMap(\.outputs))
  graph.nodes = result.nodes + graph.nodes.filter { !$0.outputs.contains(where: replaced.contains) }
  graph.initializers = result.initializers
  for (place, output) in zip(places, node.outputs) where !output.isEmpty {
    let (type, inputs) = gradients[place].map { ("Identity", [$0]) } ?? ("Sub", [place, place])
    var node = Node(type, inputs: inputs, outputs: [output])
    node.operatorSetVersion = GraphBuilder.operatorSet
    graph.nodes.append(node)
  }
}
