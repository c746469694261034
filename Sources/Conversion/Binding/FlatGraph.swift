import ONNXFormat

/// All nodes and weights of a model in two lists, those of subgraphs and functions included, with a
/// unique name for each value. Weights are initializers, the tensors of `Constant` nodes with more
/// than one floating-point element, and the outputs of an `Identity` of either: exporters merge equal
/// initializers and keep the name of the other in this way.
struct FlatGraph {
  private(set) var nodes: [Node] = []
  private(set) var initializers: [NamedTensor] = []
  /// Outputs of graphs and functions.
  private(set) var outputs: [String] = []
  /// The weights that are `Constant` nodes.
  private(set) var constants: Set<Int> = []
  /// The positions of weights, by name.
  private(set) var places: [String: Int] = [:]
  /// The names of all values.
  private(set) var names: Set<String> = []
  private(set) var order = FlatOrder()
  /// Sparse weights.
  private(set) var sparse: [SparseTensor] = []

  /// New names for values of an inner graph, where they differ.
  private typealias Renaming = [String: String]

  init(_ model: Model) {
    add(model.graph, [:], inside: nil)
    for function in model.functions {
      order.functionStarts.append(nodes.count)
      let path = function.name
      let own = function.inputs + function.nodes.flatMap(\.outputs)
      let names = rename(own, [:], inside: path)
      for node in function.nodes { add(node, names, inside: path) }
      outputs += function.outputs.map { names[$0] ?? $0 }
    }
  }

  private mutating func add(_ graph: Graph, _ outer: Renaming, inside path: String?) {
    let own =
      graph.initializers.compactMap(\.name) + graph.sparseInitializers.compactMap(\.values.name)
      + graph.inputs.map(\.name)
      + graph.nodes.flatMap(\.outputs)
    let names = rename(own, outer, inside: path)
    for initializer in graph.initializers {
      var initializer = initializer
      initializer.name = initializer.name.map { names[$0] ?? $0 }
      add(initializer)
    }
    for var tensor in graph.sparseInitializers {
      tensor.values.name = tensor.values.name.map { names[$0] ?? $0 }
      sparse.append(tensor)
    }
    for node in graph.nodes { add(node, names, inside: path) }
    outputs += graph.outputs.map { names[$0.name] ?? $0.name }
  }

  private mutating func add(_ node: Node, _ names: Renaming, inside path: String?) {
    var flat = node
    flat.inputs = node.inputs.map { names[$0] ?? $0 }
    flat.outputs = node.outputs.map { names[$0] ?? $0 }
    flat.attributes.removeAll { !$0.value.graphs.isEmpty }
    nodes.append(flat)
    if let tensor = node.constantWeight {
      constants.insert(initializers.count)
      add(NamedTensor(flat.outputs.first, tensor))
    } else if node.isPassing, let origin = places[flat.inputs[0]] {
      order.origins[initializers.count] = origin
      order.passing.insert(nodes.count - 1)
      add(NamedTensor(flat.outputs.first, initializers[origin].tensor))
    }
    let name = node.name.flatMap { $0.isEmpty ? nil : $0 } ?? node.operatorType
    for attribute in node.attributes {
      for (index, graph) in attribute.value.graphs.enumerated() {
        let part = index == 0 ? attribute.name : "\(attribute.name).\(index)"
        add(graph, names, inside: (path.map { $0 + "/" } ?? "") + "\(name)/\(part)")
      }
    }
  }

  private mutating func add(_ initializer: NamedTensor) {
    if let name = initializer.name, !name.isEmpty { places[name] = initializers.count }
    initializers.append(initializer)
  }

  /// Renames values of an inner graph whose names are taken.
  private mutating func rename(
    _ own: [String], _ outer: Renaming, inside path: String?
  ) -> Renaming {
    var result = outer
    var seen: Set<String> = []
    for name in own where !name.isEmpty && seen.insert(name).inserted {
      result[name] = nil
      guard let path, names.contains(name) else {
        names.insert(name)
        continue
      }
      var unique = "\(path)/\(name)"
      while !names.insert(unique).inserted { unique += "_" }
      result[name] = unique
    }
    return result
  }
}

/// The relation of a flat graph to its model.
struct FlatOrder {
  /// The inputs of weights that are an `Identity`.
  var origins: [Int: Int] = [:]
  /// The nodes that are such an `Identity`.
  var passing: Set<Int> = []
  /// The first node of each function.
  var functionStarts: [Int] = []

  /// The index of the function whose body holds a node.
  func function(ofNode node: Int) -> Int? { functionStarts.lastIndex { $0 <= node } }
}

extension Attribute.Value {
  /// The graphs that the value holds.
  var graphs: [Graph] {
    switch self {
    case .graph(let graph): [graph]
    case .graphs(let graphs): graphs
    default: []
    }
  }
}

extension Node {
  /// Whether the node is an `Identity` of one input.
  var isPassing: Bool {
    isStandard("Identity") && inputs.count == 1 && outputs.first?.isEmpty == false
  }

  /// The tensor of a `Constant` node that may be a weight: more than one floating-point element.
  var constantWeight: Tensor? {
    guard isStandard("Constant"), outputs.first?.isEmpty == false,
      case .tensor(let named)? = attribute("value")?.value,
      named.tensor.elementType.isFloatingPoint, named.tensor.count > 1
    else { return nil }
    return named.tensor
  }
}
