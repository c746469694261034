import HTTPTypes
import ONNX
import Serving

/// Numbers the values of a model and of all graphs within it.
struct LookGraphBuilder {
  /// The most nodes in all graphs, and the most names of values in their nodes.
  private static let mostNodes = 20_000
  private static let mostNames = 100_000
  private static let mostDepth = 32
  /// The most names that all graphs within nodes see together of those around them.
  private static let mostSeen = 20_000_000

  private(set) var values: [LookValue] = []
  private(set) var graphs: [LookGraph] = []
  /// The tensors of constants, by the number of the value.
  private(set) var constants: [Int: Tensor] = [:]
  private let functions: [String: Function]
  private var functionGraphs: [String: Int] = [:]
  private var nodeCount = 0
  private var nameCount = 0
  private var seenCount = 0

  /// - Parameter types: the types of values of the model's graph
  /// - Throws: `ServingError` for a model of too many nodes or too deep graphs
  init(_ model: Model, types: [String: ValueType]) throws(ServingError) {
    functions = Dictionary(model.functions.map { (Self.key($0.domain, $0.name), $0) }) { a, _ in a }
    _ = try add(model.graph, title: model.graph.name ?? "", outer: [:], types: types, depth: 0)
  }

  private static func key(_ domain: String?, _ name: String) -> String { "\(domain ?? "") \(name)" }

  /// Adds a graph, and returns its number.
  private mutating func add(
    _ graph: Graph, title: String, outer: [String: Int], types: [String: ValueType], depth: Int
  ) throws(ServingError) -> Int {
    guard depth < Self.mostDepth else {
      throw ServingError(
        .contentTooLarge, "the model nests graphs deeper than \(Self.mostDepth)")
    }
    nodeCount += graph.nodes.count
    nameCount += graph.inputs.count + graph.outputs.count + graph.initializers.count
    for node in graph.nodes { nameCount += node.inputs.count + node.outputs.count }
    seenCount += outer.count
    guard nodeCount <= Self.mostNodes, nameCount <= Self.mostNames, seenCount <= Self.mostSeen
    else {
      throw ServingError(
        .contentTooLarge,
        "the model has more than \(Self.mostNodes) nodes or \(Self.mostNames) names of values")
    }
    let number = graphs.count
    graphs.append(LookGraph(title: title.shortened(), doc: graph.docString?.shortened(2000)))
    var known = outer
    var stated: [String: ValueType] = types
    for info in graph.valueInfos + graph.outputs + graph.inputs where stated[info.name] == nil {
      stated[info.name] = info.type
    }
    for input in graph.inputs {
      let value = append(LookValue(name: input.name, type: stated[input.name]))
      known[input.name] = value
      graphs[number].inputs.append(value)
    }
    // An initializer can be the default of an input.
    let own = Set(graphs[number].inputs)
    for initializer in graph.initializers {
      guard let name = initializer.name else { continue }
      let constant = LookValue(name: name, constant: initializer.tensor)
      let value: Int
      if let input = known[name], own.contains(input) {
        value = input
        values[value] = constant
      } else {
        value = append(constant)
        known[name] = value
      }
      constants[value] = initializer.tensor
    }
    graphs[number].inputs.removeAll { values[$0].isConstant == true }
    for sparse in graph.sparseInitializers {
      guard let name = sparse.values.name else { continue }
      let type = ValueType(
        .sparseTensor(TensorType(sparse.values.tensor.elementType, sparse.shape)))
      known[name] = append(LookValue(name: name, type: type))
      values[values.count - 1].isConstant = true
    }
    for name in graph.nodes.flatMap(\.outputs) where !name.isEmpty {
      known[name] = append(LookValue(name: name, type: stated[name]))
    }
    for node in graph.nodes {
      let drawn = try look(at: node, &known, depth: depth)
      graphs[number].nodes.append(drawn)
    }
    graphs[number].outputs = graph.outputs.map { find($0.name, &known) }
    return number
  }

  private mutating func append(_ value: LookValue) -> Int {
    values.append(value)
    return values.count - 1
  }

  /// The value of a name; a new one for a name that nothing defines.
  private mutating func find(_ name: String, _ known: inout [String: Int]) -> Int {
    if name.isEmpty { return -1 }
    if let value = known[name] { return value }
    let value = append(LookValue(name: name, type: nil))
    known[name] = value
    return value
  }

  private mutating func look(
    at node: Node, _ known: inout [String: Int], depth: Int
  ) throws(ServingError) -> LookNode {
    let inputs = node.inputs.map { find($0, &known) }
    let outputs = node.outputs.map { find($0, &known) }
    var bodies: [Int] = []
    for attribute in node.attributes {
      let list: [Graph] =
        switch attribute.value {
        case .graph(let graph): [graph]
        case .graphs(let graphs): graphs
        default: []
        }
      for graph in list {
        bodies.append(
          try add(graph, title: attribute.name, outer: known, types: [:], depth: depth + 1))
      }
    }
    if let body = try functionBody(node, depth: depth) { bodies.append(body) }
    if node.operatorType == "Constant", let output = outputs.first, output >= 0,
      let tensor = node.attributes.lazy.compactMap(\.constant).first
    {
      constants[output] = tensor
      values[output] = LookValue(name: values[output].name, constant: tensor)
      values[output].isConstant = nil
    }
    return LookNode(
      op: node.operatorType.shortened(60),
      domain: node.domain.flatMap { $0.isEmpty || $0 == "ai.onnx" ? nil : $0.shortened(60) },
      name: node.name?.shortened(), doc: node.docString?.shortened(2000),
      inputs: inputs, outputs: outputs, attributes: node.attributes.prefix(200).map(LookText.init),
      graphs: bodies)
  }

  /// The graph of the function that a node calls. All calls share it.
  private mutating func functionBody(
    _ node: Node, depth: Int
  ) throws(ServingError) -> Int? {
    let key = Self.key(node.domain, node.operatorType)
    guard let function = functions[key] else { return nil }
    if let known = functionGraphs[key] { return known }
    // A function that calls itself finds its own number.
    functionGraphs[key] = graphs.count
    let graph = Graph(
      nodes: function.nodes, inputs: function.inputs.map { ValueInfo($0, nil) },
      outputs: function.outputs.map { ValueInfo($0, nil) })
    return try add(graph, title: function.name, outer: [:], types: [:], depth: depth + 1)
  }
}
