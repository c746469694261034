import ONNX
import ONNXOperators

extension Model {
  /// The model with affine maps of channels, such as `BatchNormalization` and arithmetic with
  /// constants, folded into the constants of the convolution or normalization before them.
  func withChannelsFolded(_ operators: [any Operator.Type]) -> Model {
    var folding = ChannelFolding(self, operators)
    var result = self
    result.graph.nodes = folding.nodes()
    guard !folding.added.isEmpty else { return self }
    result.graph.initializers += folding.added
    let made = Set(result.graph.nodes.flatMap(\.outputs))
    result.graph.valueInfos.removeAll { !made.contains($0.name) }
    result.irVersion = max(irVersion ?? 4, 4)
    result.removeUnused()
    return result
  }
}

private struct ChannelFolding {
  private let source: [Node]
  private let ranks: [String: Int]
  private var constants: [String: Tensor]
  private var uses: [String: Int] = [:]
  private var builder: GraphBuilder
  private(set) var added: [NamedTensor] = []

  init(_ model: Model, _ operators: [any Operator.Type]) {
    let graph = model.graph
    source = graph.nodes
    ranks = model.valueTypes(operators).compactMapValues { $0.tensorType?.shape?.rank }
    builder = GraphBuilder(taken: graph.allNames)
    constants = model.fixedInitializers
    for node in graph.nodes {
      for name in node.usedNames { uses[name, default: 0] += 1 }
    }
    for output in graph.outputs { uses[output.name, default: 0] += 1 }
  }

  mutating func nodes() -> [Node] {
    var nodes: [Node?] = []
    /// The index of the node that can take over what follows, by its output.
    var makers: [String: Int] = [:]
    for node in source {
      if let place = node.inputs.lazy.compactMap({ makers[$0] }).first, let maker = nodes[place],
        let made = maker.outputs.first, uses[made] == 1,
        let channels = channels(of: maker),
        let map = map(node, of: made, channels: channels),
        let folded = fold(map, into: maker, output: node.outputs[0])
      {
        // The later position, where all inputs exist.
        nodes[place] = nil
        makers[node.outputs[0]] = nodes.count
        nodes.append(folded)
        continue
      }
      if node.linearWeight != nil, let output = node.outputs.first { makers[output] = nodes.count }
      nodes.append(node)
    }
    return nodes.compactMap { $0 }
  }

  private func floats(_ name: String) -> [Float]? {
    guard let tensor = constants[name], tensor.elementType == .float32 else { return nil }
    return try? tensor.array(as: Float.self)
  }

  private func floats(_ node: Node, _ input: Int) -> [Double]? {
    input < node.inputs.count ? floats(node.inputs[input])?.map(Double.init) : nil
  }

  /// The number of output channels of a node whose weight and bias are constants of float32; `nil`
  /// for a node that cannot take over a map of its channels.
  private func channels(of node: Node) -> Int? {
    guard let layout = node.linearWeight, layout.takesBias, layout.groups == 1,
      node.inputs.count >= 2, let weights = constants[node.inputs[1]],
      weights.elementType == .float32, layout.outputAxis < weights.shape.count,
      // Kernels, and factors by channel.
      weights.shape.count != 2
    else { return nil }
    if node.inputs.count > 2, !node.inputs[2].isEmpty, floats(node, 2) == nil { return nil }
    return weights.shape[layout.outputAxis]
  }

  /// The map of each channel of one of a node's inputs, where the node is such a map.
  private func map(_ node: Node, of value: String, channels: Int) -> ChannelMap? {
    guard let facts = node.facts, node.subgraphs.isEmpty,
      let input = node.inputs.firstIndex(of: value)
    else { return nil }
    let given = ChannelConstants(
      count: channels, vector: { floats(node, $0) },
      operand: { operand(node, $0, channels, rank: ranks[value]) })
    let map = facts.channelMap(node, ofInput: input, given)
    return map?.factors.count == channels ? map?.expanded : nil
  }

  /// A constant operand with one number for each channel, axis 1 of `rank`, or one for all.
  private func operand(_ node: Node, _ input: Int, _ channels: Int, rank: Int?) -> [Double]? {
    // Before operator set 7 attributes may align the operands otherwise.
    guard node.inputs.count == 2, !node.attributes.contains(where: \.isLegacyAlignment),
      input < node.inputs.count, let tensor = constants[node.inputs[input]], let rank, rank >= 2,
      tensor.shape.count <= rank, let numbers = floats(node, input)
    else { return nil }
    let padded = Array(repeating: 1, count: rank - tensor.shape.count) + tensor.shape
    var expected = Array(repeating: 1, count: rank)
    if padded == expected, numbers.count == 1 {
      return Array(repeating: numbers[0], count: channels)
    }
    expected[1] = channels
    return padded == expected ? numbers : nil
  }

  /// The node with the map folded into its constants, and with the output of the map's node; `nil`
  /// where a number would become infinite or NaN.
  private mutating func fold(
    _ map: ChannelMap, into maker: Node, output: String
  ) -> Node? {
    guard let layout = maker.linearWeight, let old = constants[maker.inputs[1]] else { return nil }
    var node = maker
    node.outputs[0] = output
    let biasName = maker.inputs.count > 2 ? maker.inputs[2] : ""
    guard
      let weight = try? map.folded(weight: old, axis: layout.outputAxis),
      let bias = try? map.folded(
        bias: biasName.isEmpty ? nil : constants[biasName], elementType: .float32),
      weight.isFinite, bias.isFinite
    else { return nil }
    node.inputs[1] = add(weight, like: maker.inputs[1])
    let name = add(bias, like: biasName.isEmpty ? "\(maker.inputs[1])_bias" : biasName)
    if node.inputs.count == 2 { node.inputs.append(name) }
    node.inputs[2] = name
    return node
  }

  private mutating func add(_ tensor: Tensor, like hint: String) -> String {
    let name = builder.unique("\(hint)_folded")
    constants[name] = tensor
    added.append(NamedTensor(name, tensor))
    return name
  }
}

extension Attribute {
  fileprivate var isLegacyAlignment: Bool {
    ["axis", "broadcast", "consumed_inputs"].contains(name)
  }
}

extension Tensor {
  /// Whether all elements of a float32 tensor are finite.
  fileprivate var isFinite: Bool { elements(as: Float.self).allSatisfy(\.isFinite) }
}
