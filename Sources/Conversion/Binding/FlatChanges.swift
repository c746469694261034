import ONNXFormat

/// The changes of a binding to a model, by the positions of nodes and weights in the flat graph. New
/// tensors are made during a walk over the model, so that memory holds either the old or the new one
/// of each weight.
struct FlatChanges {
  /// Makes the new tensor of a weight.
  typealias Make = () throws(FormatError) -> Tensor
  var tensors: [Int: Make] = [:]
  /// Weights that no node takes any more.
  var unused: Set<Int> = []
  /// New names of inputs, by node and input.
  var inputs: [Int: [Int: String]] = [:]
  /// New initializers, each with a node that takes it, or −1.
  var added: [(name: String, make: Make, node: Int)] = []
  private let flat: FlatOrder

  init(_ flat: FlatOrder) { self.flat = flat }

  private var nextNode = 0
  private var next = 0
  /// New tensors of weights that an `Identity` passes on.
  private var passed: [Int: Tensor] = [:]

  /// Changes the model.
  /// - Throws: `FormatError` where a tensor cannot be made; the model must not be used then
  mutating func apply(to model: inout Model) throws(FormatError) {
    (nextNode, next, passed) = (0, 0, [:])
    let origins = Set(flat.origins.values)
    try change(&model.graph, origins)
    for index in model.functions.indices {
      let made = try change(&model.functions[index].nodes, origins)
      model.functions[index].nodes.insert(contentsOf: made.map(Self.constant), at: 0)
    }
    for (name, make, node) in added {
      let tensor = NamedTensor(name, try make())
      if let function = flat.function(ofNode: node) {
        model.functions[function].nodes.insert(Self.constant(tensor), at: 0)
      } else {
        model.graph.initializers.append(tensor)
      }
    }
  }

  private static func constant(_ tensor: NamedTensor) -> Node {
    Node(
      "Constant", inputs: [], outputs: [tensor.name ?? ""],
      attributes: [.tensor("value", tensor.tensor)])
  }

  private mutating func change(_ graph: inout Graph, _ origins: Set<Int>) throws(FormatError) {
    var gone: Set<String> = []
    var kept: [Int] = []
    for index in graph.initializers.indices {
      if unused.contains(next) {
        gone.insert(graph.initializers[index].name ?? "")
      } else {
        try change(&graph.initializers[index].tensor, origins)
        kept.append(index)
      }
      next += 1
    }
    if !gone.isEmpty {
      graph.initializers = kept.map { graph.initializers[$0] }
      graph.inputs.removeAll { gone.contains($0.name) }
    }
    graph.initializers += try change(&graph.nodes, origins)
  }

  /// Replaces a tensor, if it changes.
  private mutating func change(
    _ tensor: inout Tensor, _ origins: Set<Int>
  ) throws(FormatError) {
    if let make = tensors[next] {
      // Release the old one first.
      tensor = Tensor(shape: [0], [] as [Float])
      tensor = try make()
    }
    if origins.contains(next) { passed[next] = tensor }
  }

  /// - Returns: initializers that replace nodes
  private mutating func change(
    _ nodes: inout [Node], _ origins: Set<Int>
  ) throws(FormatError) -> [NamedTensor] {
    var made: [NamedTensor] = []
    var gone: Set<Int> = []
    for index in nodes.indices {
      for (input, name) in inputs[nextNode] ?? [:] {
        while nodes[index].inputs.count <= input { nodes[index].inputs.append("") }
        nodes[index].inputs[input] = name
      }
      nextNode += 1
      if var tensor = nodes[index].constantWeight {
        if unused.contains(next) { gone.insert(index) }
        nodes[index].attributes.removeAll { $0.name == "value" }
        try change(&tensor, origins)
        nodes[index].attributes.append(.tensor("value", tensor))
        next += 1
      } else if flat.passing.contains(nextNode - 1), let origin = flat.origins[next],
        let name = nodes[index].outputs.first
      {
        if unused.contains(next) {
          gone.insert(index)
        } else if let make = tensors[next] {
          let tensor = try make()
          if passed[origin] != tensor {
            gone.insert(index)
            made.append(NamedTensor(name, tensor))
          }
          if origins.contains(next) { passed[next] = tensor }
        } else if origins.contains(next) {
          passed[next] = passed[origin]
        }
        next += 1
      }
      for attribute in nodes[index].attributes.indices {
        try change(&nodes[index].attributes[attribute].value, origins)
      }
    }
    if !gone.isEmpty {
      nodes = nodes.enumerated().filter { !gone.contains($0.offset) }.map(\.element)
    }
    return made
  }

  private mutating func change(
    _ value: inout Attribute.Value, _ origins: Set<Int>
  ) throws(FormatError) {
    switch value {
    case .graph(var graph):
      value = .ints([])
      try change(&graph, origins)
      value = .graph(graph)
    case .graphs(var graphs):
      value = .ints([])
      for index in graphs.indices { try change(&graphs[index], origins) }
      value = .graphs(graphs)
    default: return
    }
  }
}
