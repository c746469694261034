import ONNXFormat
import ONNXInterpreter
import ONNXSupport

/// A model and its inputs with random changes: of attributes, shapes, element types, numbers, names and
/// nodes.
struct Mutant {
  private(set) var model: Model
  private(set) var inputs: [String: Value]
  private(set) var options = SessionOptions()
  /// Descriptions of the changes.
  private(set) var changes: [String] = []
  private var tensors: TensorMutation

  init(_ model: Model, _ inputs: [String: Value], seed: UInt64) {
    self.model = model
    self.inputs = inputs
    tensors = TensorMutation(RandomStream(seed: seed))
    options.threads = chance(10) ? 2 : 1
    options.memoryLimit = 8 << 20
    options.maxTrips = 1000
    options.timeLimit = .seconds(1)
    if chance(30) { options.passes = [] }
    options.expansions = [.gradients]
    var count = 1
    while count < 4, chance(35) { count += 1 }
    for _ in 0..<count { changes.append(change()) }
    place()
  }

  private mutating func chance(_ percent: Int) -> Bool { tensors.number(below: 100) < percent }

  private mutating func change() -> String {
    switch tensors.number(below: 13) {
    case 12: changeGraph()
    case 0..<5: changeNode()
    case 5..<10: changeValue()
    case 10: changeNames()
    default: changeVersion()
    }
  }

  private mutating func changeVersion() -> String {
    let version = tensors.number(below: 29)
    for index in model.operatorSets.indices { model.operatorSets[index].version = Int64(version) }
    return "operator sets \(version)"
  }

  /// Changes or removes an attribute of a random node.
  private mutating func changeNode() -> String {
    var tensors = tensors
    defer { self.tensors = tensors }
    return withRandomNode(&tensors) { node, tensors in
      guard !node.attributes.isEmpty else { return "nothing" }
      let index = tensors.number(below: node.attributes.count)
      let name = node.attributes[index].name
      if tensors.number(below: 8) == 0 {
        node.attributes.remove(at: index)
        return "no \(name)"
      }
      node.attributes[index].value = tensors.changed(node.attributes[index].value)
      return "\(name) = \(node.attributes[index].value.summary)"
    }
  }

  /// Applies `change` to a random node of the graph, a subgraph or a function.
  private mutating func withRandomNode(
    _ tensors: inout TensorMutation, _ change: (inout Node, inout TensorMutation) -> String
  ) -> String {
    guard let function = model.functions.indices.randomElement(using: &tensors.random),
      tensors.number(below: 2) == 0
    else { return model.graph.withRandomNode(&tensors, change) }
    var graph = Graph(nodes: model.functions[function].nodes)
    let text = graph.withRandomNode(&tensors, change)
    model.functions[function].nodes = graph.nodes
    return "\(model.functions[function].name): \(text)"
  }

  /// Changes the inputs or outputs of the graph or a subgraph, or removes a node.
  private mutating func changeGraph() -> String {
    var tensors = tensors
    defer { self.tensors = tensors }
    return model.graph.withRandomGraph(&tensors) { graph, tensors in
      func change(_ infos: inout [ValueInfo], _ what: String) -> String {
        guard !infos.isEmpty else { return "nothing" }
        let index = tensors.number(below: infos.count)
        let name = infos[index].name
        switch tensors.number(below: 3) {
        case 0: infos.remove(at: index)
        case 1: infos.append(infos[index])
        default: infos[index].name = graph.nodes.first?.inputs.first ?? ""
        }
        return "\(what) \(name) of the graph"
      }
      var (inputs, outputs) = (graph.inputs, graph.outputs)
      let text: String
      switch tensors.number(below: 3) {
      case 0: text = change(&inputs, "input")
      case 1: text = change(&outputs, "output")
      default:
        guard !graph.nodes.isEmpty else { return "nothing" }
        let node = graph.nodes.remove(at: tensors.number(below: graph.nodes.count))
        return "no \(node.operatorType)"
      }
      (graph.inputs, graph.outputs) = (inputs, outputs)
      return text
    }
  }

  /// Removes, adds or shuffles the inputs or outputs of a node.
  private mutating func changeNames() -> String {
    var tensors = tensors
    defer { self.tensors = tensors }
    return withRandomNode(&tensors) { node, tensors in
      func change(_ names: inout [String], _ tensors: inout TensorMutation) {
        switch tensors.number(below: 4) {
        case 0 where !names.isEmpty: names[tensors.number(below: names.count)] = ""
        case 1 where !names.isEmpty: names.removeLast()
        case 2: names.append(names.randomElement(using: &tensors.random) ?? "")
        default: names.shuffle(using: &tensors.random)
        }
      }
      if tensors.number(below: 4) > 0 {
        change(&node.inputs, &tensors)
        return "inputs \(node.inputs)"
      }
      if tensors.number(below: 2) == 0 {
        node.outputs.append("another output")
      } else {
        change(&node.outputs, &tensors)
      }
      return "outputs \(node.outputs)"
    }
  }

  /// Changes an input or an initializer.
  private mutating func changeValue() -> String {
    let count = inputs.count + model.graph.initializers.count
    guard count > 0 else { return "nothing" }
    let index = tensors.number(below: count)
    guard index < inputs.count else {
      let place = index - inputs.count
      let changed = tensors.changed(model.graph.initializers[place].tensor)
      model.graph.initializers[place].tensor = changed
      return "\(model.graph.initializers[place].name ?? "") = \(changed.summary)"
    }
    let name = inputs.keys.sorted()[index]
    guard let value = inputs[name] else { return "nothing" }
    let changed = tensors.changed(value)
    inputs[name] = changed
    return "\(name) = \(changed.tensor?.summary ?? changed.type.description)"
  }

  /// Turns some inputs into constants, and declares the types of the others fully, partly or not at
  /// all.
  private mutating func place() {
    let constants = [0, 30, 100][tensors.number(below: 3)]
    let detail = tensors.number(below: 3)
    for index in model.graph.inputs.indices.reversed() {
      let name = model.graph.inputs[index].name
      guard let value = inputs[name] else { continue }
      if let tensor = value.tensor, chance(constants) {
        model.graph.initializers.append(NamedTensor(name, tensor))
        model.graph.inputs.remove(at: index)
        inputs[name] = nil
        continue
      }
      switch detail {
      case 0: model.graph.inputs[index].type = nil
      case 1: model.graph.inputs[index].type = value.type
      default:
        let rank = value.tensor.map { Shape(rank: $0.shape.count) }
        model.graph.inputs[index].type =
          value.tensor.map { .tensor($0.elementType, rank) } ?? value.type
      }
    }
    for index in model.graph.outputs.indices where detail != 1 {
      model.graph.outputs[index].type = nil
    }
    changes.append(["no types", "types", "ranks"][detail])
    if constants > 0 { changes.append("\(model.graph.initializers.count) constants") }
    if options.passes.isEmpty { changes.append("no passes") }
    if chance(5), let bytes = try? model.serialized(), let copy = try? Model(serialized: bytes) {
      model = copy
      changes.append("saved")
    }
  }
}

extension Graph {
  /// Applies `change` to the graph or a random subgraph.
  fileprivate mutating func withRandomGraph(
    _ tensors: inout TensorMutation, _ change: (inout Graph, inout TensorMutation) -> String
  ) -> String {
    for node in nodes.indices {
      for attribute in nodes[node].attributes.indices where tensors.number(below: 3) > 0 {
        guard case .graph(var graph) = nodes[node].attributes[attribute].value else { continue }
        let text = graph.withRandomGraph(&tensors, change)
        nodes[node].attributes[attribute].value = .graph(graph)
        return text
      }
    }
    return change(&self, &tensors)
  }

  /// Applies `change` to a random node of the graph or of a subgraph.
  fileprivate mutating func withRandomNode(
    _ tensors: inout TensorMutation, _ change: (inout Node, inout TensorMutation) -> String
  ) -> String {
    guard !nodes.isEmpty else { return "nothing" }
    let index = tensors.number(below: nodes.count)
    let graphs = nodes[index].attributes.indices.filter {
      if case .graph = nodes[index].attributes[$0].value { true } else { false }
    }
    if let place = graphs.randomElement(using: &tensors.random), tensors.number(below: 2) == 0,
      case .graph(var graph) = nodes[index].attributes[place].value
    {
      let text = graph.withRandomNode(&tensors, change)
      nodes[index].attributes[place].value = .graph(graph)
      return text
    }
    return "\(nodes[index].operatorType): \(change(&nodes[index], &tensors))"
  }
}

extension Attribute.Value {
  fileprivate var summary: String {
    switch self {
    case .float(let value): "\(value)"
    case .int(let value): "\(value)"
    case .string(let value): "'\(value.string)'"
    case .tensor(let value): value.tensor.summary
    case .floats(let values): "\(values.prefix(8))"
    case .ints(let values): "\(values.prefix(8))"
    case .strings(let values): "\(values.prefix(8).map(\.string))"
    default: "something else"
    }
  }
}

extension Tensor {
  fileprivate var summary: String { count <= 6 ? description : type.description }
}
