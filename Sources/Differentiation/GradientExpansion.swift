import ONNXFormat
import ONNXInterpreter
import ONNXOperators

/// Replaces every `Gradient` node of `ai.onnx.preview.training` by the nodes that compute it. A model
/// that holds such nodes needs this pass in `SessionOptions.expansions`.
///
/// The attributes `xs` and `zs` name values of the graph on which the value `y` depends. The node's
/// inputs take their place, and its outputs are the gradients of `y` with respect to `xs` there.
public struct GradientExpansion: Pass {
  /// `gradients`.
  public let name = "gradients"

  /// The pass.
  public init() {}

  /// Whether the node is a `Gradient`.
  public func mayReplace(_ node: Node) -> Bool { node.isGradient }

  /// Replaces the `Gradient` nodes, those in functions aside, which are expanded first.
  /// - Throws: `ModelError.node` for a node that names values the graph lacks, or whose gradients need
  ///   an operator that has none; `ModelError.graph` for more nodes than the limit.
  public func apply(to model: inout Model, _ context: inout PassContext) throws(ModelError) {
    guard model.graph.nodes.contains(where: \.isGradient) else { return }
    let operatorSets = try OperatorSets(model.operatorSets)
    let engine = Engine(context.options)
    while let index = model.graph.nodes.firstIndex(where: \.isGradient) {
      let node = model.graph.nodes.remove(at: index)
      do throws(OperatorError) {
        try expand(node, &model.graph, operatorSets: operatorSets, engine: engine)
      } catch {
        throw .node(name: node.label(at: index), operatorType: node.operatorType, error)
      }
      context.note("gradients of \(node.attribute("y")?.value.text ?? "y")")
      let limit = context.options.maxNodes
      guard model.graph.nodes.count <= limit else {
        throw .graph(
          "with its gradients the model exceeds the limit of \(limit) nodes")
      }
    }
  }
}

extension Pass where Self == GradientExpansion {
  /// Replaces `Gradient` nodes by the nodes that compute them.
  public static var gradients: GradientExpansion { GradientExpansion() }
}

extension Attribute.Value {
  /// The text of a string.
  fileprivate var text: String? { if case .string(let text) = self { text.string } else { nil } }
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
    throw .attribute("xs", "xs and zs name a value twice")
  }
  guard node.inputs.count == xs.count + zs.count else {
    throw .invalid("expected \(xs.count + zs.count) inputs, got \(node.inputs.count)")
  }
  guard node.outputs.count <= xs.count else {
    throw .invalid("expected at most \(xs.count) outputs, got \(node.outputs.count)")
  }

  // The part of the graph between the given values and y, with the node's inputs in their place.
  var slice = graph
  slice.nodes = zip(graph.nodes, graph.nodes(neededFor: [y], from: Set(xs + zs)).isNeeded)
    .filter(\.1).map(\.0)
  guard slice.nodes.allSatisfy({ !$0.isGradient }) else {
    throw .unsupported("y depends on another Gradient node")
  }
  let cut = Set(xs + zs).subtracting(graph.inputs.map(\.name))
    .subtracting(graph.initializers.compactMap(\.name))
  let isInPlace = node.inputs == xs + zs && cut.isEmpty
  var names: [String: String] = [:]
  var builder = GraphBuilder(taken: graph.allNames)
  if !isInPlace {
    // Copies, so that no given value depends on another.
    for (name, input) in zip(xs + zs, node.inputs) {
      names[name] = builder.node("Identity", [input], hint: name)
    }
    for output in slice.nodes.flatMap(\.outputs) where !output.isEmpty && names[output] == nil {
      names[output] = builder.unique(output)
    }
    for index in slice.nodes.indices {
      guard !slice.nodes[index].hasSubgraph else {
        throw .unsupported("a node with a subgraph between xs and y")
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
