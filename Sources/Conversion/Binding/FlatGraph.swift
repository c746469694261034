import ONNXFormat

/// The nodes and the weights of a model side by side, those within nodes and functions too, each
/// value under a name that no other has. Weights are initializers, the tensors of `Constant` nodes
/// that hold several floating-point numbers, and what an `Identity` gives of either: exporters merge
/// initializers that are equal, and give one of them the other's name so.
struct FlatGraph {
  private(set) var nodes: [Node] = []
  private(set) var initializers: [NamedTensor] = []
  /// Values that leave a graph or a function.
  private(set) var outputs: [String] = []
  /// Weights that are `Constant` nodes.
  private(set) var constants: Set<Int> = []
  /// Weights by name.
  private(set) var places: [String: Int] = [:]
  /// All names of values.
  private(set) var names: Set<String> = []
  private(set) var order = FlatOrder()
  /// Weights of which only some elements are stored.
  private(set) var sparse: [SparseTensor] = []

  /// What the values of an inner graph are called here, where that differs.
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

  /// New names for those of an inner graph that others have.
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

/// What of a flat graph tells how to get back.
struct FlatOrder {
  /// For weights that are an `Identity`, what it passes on.
  var origins: [Int: Int] = [:]
  /// These `Identity` nodes.
  var passing: Set<Int> = []
  /// The first node of each function.
  var functionStarts: [Int] = []

  /// The function that a node stands in.
  func function(ofNode node: Int) -> Int? { functionStarts.lastIndex { $0 <= node } }
}

extension Attribute.Value {
  /// The graphs in it.
  var graphs: [Graph] {
    switch self {
    case .graph(let graph): [graph]
    case .graphs(let graphs): graphs
    default: []
    }
  }
}

extension Node {
  /// Whether it passes its only input on.
  var isPassing: Bool {
    isStandard("Identity") && inputs.count == 1 && outputs.first?.isEmpty == false
  }

  /// The tensor of a `Constant` node that may be a weight: several floating-point numbers.
  var constantWeight: Tensor? {
    guard isStandard("Constant"), outputs.first?.isEmpty == false,
      case .tensor(let named)? = attribute("value")?.value,
      named.tensor.elementType.isFloatingPoint, named.tensor.count > 1
    else { return nil }
    return named.tensor
  }
}
