import ONNX

/// A graph as boxes and edges: a box for each input, node and output. The box of a node lists its
/// constants, and what is computed from constants alone counts as one.
struct GraphPanel: Sendable {
  struct Edge: Sendable {
    var from: Int
    var to: Int
    /// The name of the value, and its shape where no other edge states it.
    var value: String
    var label: String
  }

  /// The node and attribute that hold the graph; empty for the model's own.
  let title: String
  private(set) var boxes: [GraphBox] = []
  private(set) var edges: [Edge] = []
  /// The graphs within nodes.
  private(set) var inner: [GraphPanel] = []
  /// Values whose shapes label an edge already.
  private var stated: Set<String> = []
  private var producers: [String: Int] = [:]

  /// - Parameters:
  ///   - types: the types of values that are known
  ///   - outer: the texts of the constants outside of the graph, by name
  init(
    _ graph: Graph, title: String, types: [String: ValueType], constants outer: [String: String]
  ) {
    self.title = title
    var types = types
    for info in graph.valueInfos { types[info.name] = types[info.name] ?? info.type }
    let (constants, nodes) = Self.fold(graph, types, outer)
    for input in graph.inputs where constants[input.name] == nil {
      producers[input.name] = boxes.count
      boxes.append(GraphBox(input, role: "input"))
    }
    let made = Set(nodes.flatMap(\.outputs))
    // Values from outside of a body.
    for name in nodes.flatMap(\.takenNames) + graph.outputs.map(\.name)
    where !title.isEmpty && !made.contains(name) && constants[name] == nil && producers[name] == nil
    {
      producers[name] = boxes.count
      boxes.append(GraphBox(ValueInfo(name, types[name]), role: "outside"))
    }
    let first = boxes.count
    for (index, node) in nodes.enumerated() {
      for output in node.outputs where !output.isEmpty { producers[output] = first + index }
      boxes.append(GraphBox(node, constants, types))
    }
    for (index, node) in nodes.enumerated() {
      var seen: Set<String> = []
      for name in node.takenNames where seen.insert(name).inserted {
        connect(name, to: first + index, types)
      }
      for (name, body) in node.bodies {
        inner.append(
          GraphPanel(
            body, title: "\(node.operatorType) \(GraphBox.short(node.label)): \(name)",
            types: types, constants: constants))
      }
    }
    for output in graph.outputs {
      boxes.append(GraphBox(output, role: "output"))
      connect(output.name, to: boxes.count - 1, [:])
    }
  }

  /// The texts of all constants, and the nodes that are drawn. A constant that is an output is drawn.
  private static func fold(
    _ graph: Graph, _ types: [String: ValueType], _ outer: [String: String]
  ) -> ([String: String], [Node]) {
    var constants = outer
    for initializer in graph.initializers {
      if let name = initializer.name { constants[name] = GraphBox.text(initializer.tensor, name) }
    }
    for sparse in graph.sparseInitializers {
      guard let name = sparse.values.name else { continue }
      constants[name] = "\(GraphBox.short(name)) sparse \(Shape(sparse.shape).drawn)"
    }
    let outputs = Set(graph.outputs.map(\.name))
    let nodes = graph.nodes.filter { node in
      guard !node.outputs.contains(where: outputs.contains), !node.hasSubgraph else { return true }
      if node.isConstant, let name = node.outputs.first {
        constants[name] = GraphBox.text(node.attributes[0], name)
        return false
      }
      let inputs = node.takenNames
      guard !inputs.isEmpty, !node.isRandom, inputs.allSatisfy({ constants[$0] != nil }) else {
        return true
      }
      for name in node.outputs where !name.isEmpty {
        let type = types[name]?.tensorType?.drawn ?? node.operatorType
        constants[name] = "\(GraphBox.short(name)) \(type)"
      }
      return false
    }
    return (constants, nodes)
  }

  private mutating func connect(_ name: String, to box: Int, _ types: [String: ValueType]) {
    guard let from = producers[name] else { return }
    // The box of an input states its type. A value is labelled once.
    let isStated = boxes[from].kind == .value || !stated.insert(name).inserted
    let label = isStated ? "" : types[name]?.tensorType?.shape?.drawn ?? ""
    edges.append(Edge(from: from, to: box, value: name, label: label))
  }

  /// This graph and the graphs within it, each before those within it.
  var all: [GraphPanel] { [self] + inner.flatMap(\.all) }
}

extension Node {
  /// Whether the node is a `Constant`.
  fileprivate var isConstant: Bool {
    operatorType == "Constant" && Registry.normalized(domain: domain).isEmpty
      && attributes.count == 1
  }

  /// Whether equal inputs may give other outputs.
  fileprivate var isRandom: Bool {
    operatorType.hasPrefix("Random") || ["Bernoulli", "Multinomial"].contains(operatorType)
  }

  /// The values that the node takes from its graph, those that its bodies use included.
  fileprivate var takenNames: [String] {
    inputs.filter { !$0.isEmpty } + bodies.flatMap(\.graph.takenNames)
  }

  /// The graphs of attributes, by the attribute's name.
  fileprivate var bodies: [(name: String, graph: Graph)] {
    attributes.flatMap { attribute -> [(name: String, graph: Graph)] in
      switch attribute.value {
      case .graph(let graph): [(attribute.name, graph)]
      case .graphs(let graphs): graphs.enumerated().map { ("\(attribute.name) \($0)", $1) }
      default: []
      }
    }
  }

  /// The node's name, or that of its first output.
  var label: String {
    if let name, !name.isEmpty { return name }
    return outputs.first { !$0.isEmpty } ?? ""
  }
}

extension Graph {
  /// The values that a body takes from outside.
  fileprivate var takenNames: [String] {
    let made = Set(inputs.map(\.name) + initializers.compactMap(\.name) + nodes.flatMap(\.outputs))
    return (nodes.flatMap(\.takenNames) + outputs.map(\.name)).filter { !made.contains($0) }
  }
}
