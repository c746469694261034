import ONNX

extension Model {
  /// The model with what scales and shifts the channels behind a convolution or a normalisation,
  /// `BatchNormalization` and arithmetic with constants, worked into that node's constants.
  func withChannelsFolded() -> Model {
    let replaceable = Set(irVersion ?? 0 >= 4 ? graph.inputs.map(\.name) : [])
    var folding = ChannelFolding(graph, replaceable: replaceable, ranks: valueTypes().ranks)
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

extension [String: ValueType] {
  fileprivate var ranks: [String: Int] { compactMapValues { $0.tensorType?.shape?.rank } }
}

/// `y = factor · x + offset` for each channel.
private struct ChannelMap {
  var factor: [Double]
  var offset: [Double]
}

private struct ChannelFolding {
  private let source: [Node]
  private let ranks: [String: Int]
  private var constants: [String: Tensor] = [:]
  private var uses: [String: Int] = [:]
  private var builder: GraphBuilder
  private(set) var added: [NamedTensor] = []

  init(_ graph: Graph, replaceable: Set<String>, ranks: [String: Int]) {
    source = graph.nodes
    self.ranks = ranks
    builder = GraphBuilder(taken: graph.allNames)
    for initializer in graph.initializers {
      if let name = initializer.name, !replaceable.contains(name) {
        constants[name] = initializer.tensor
      }
    }
    for node in graph.nodes {
      for name in node.usedNames { uses[name, default: 0] += 1 }
    }
    for output in graph.outputs { uses[output.name, default: 0] += 1 }
  }

  mutating func nodes() -> [Node] {
    var nodes: [Node?] = []
    /// Which node makes a value.
    var makers: [String: Int] = [:]
    for node in source {
      if let place = node.inputs.lazy.compactMap({ makers[$0] }).first, let maker = nodes[place],
        let made = maker.outputs.first, uses[made] == 1,
        let channels = channels(of: maker),
        let map = map(node, of: made, channels: channels),
        let folded = fold(map, into: maker, output: node.outputs[0])
      {
        // In the later place, where all it needs is there.
        nodes[place] = nil
        makers[node.outputs[0]] = nodes.count
        nodes.append(folded)
        continue
      }
      if Self.takers.contains(node.operatorType), Registry.normalized(domain: node.domain).isEmpty,
        let output = node.outputs.first
      {
        makers[output] = nodes.count
      }
      nodes.append(node)
    }
    return nodes.compactMap { $0 }
  }

  private static let takers: Set<String> = ["Conv", "ConvTranspose", "BatchNormalization"]

  private func floats(_ node: Node, _ input: Int) -> [Float]? {
    input < node.inputs.count ? floats(node.inputs[input]) : nil
  }

  private func floats(_ name: String) -> [Float]? {
    guard let tensor = constants[name], tensor.elementType == .float32 else { return nil }
    return try? tensor.array(as: Float.self)
  }

  /// How many channels a node makes that can take a map in; `nil` for one that cannot.
  private func channels(of node: Node) -> Int? {
    switch node.operatorType {
    case "Conv", "ConvTranspose":
      guard node.inputs.count >= 2, let weights = constants[node.inputs[1]],
        weights.elementType == .float32, weights.shape.count >= 3
      else { return nil }
      if node.inputs.count > 2, !node.inputs[2].isEmpty, floats(node, 2) == nil { return nil }
      if node.operatorType == "Conv" { return weights.shape[0] }
      return node.integer("group") ?? 1 == 1 ? weights.shape[1] : nil
    default:
      guard node.isInference, let scale = floats(node, 1), let shift = floats(node, 2),
        scale.count == shift.count
      else { return nil }
      return scale.count
    }
  }

  /// What a node does with each channel of one of its inputs.
  private func map(_ node: Node, of value: String, channels: Int) -> ChannelMap? {
    guard Registry.normalized(domain: node.domain).isEmpty, node.subgraphs.isEmpty else {
      return nil
    }
    let one = Array(repeating: 1.0, count: channels)
    let zero = Array(repeating: 0.0, count: channels)
    if node.operatorType == "BatchNormalization" {
      guard node.isInference, node.inputs.first == value else { return nil }
      let parts = (1...4).compactMap { floats(node, $0)?.map(Double.init) }
      guard parts.count == 4, parts.allSatisfy({ $0.count == channels }) else { return nil }
      let epsilon = Double(node.number("epsilon") ?? 1e-5)
      let factor = zip(parts[0], parts[3]).map { $0 / ($1 + epsilon).squareRoot() }
      let offset = zip(parts[1], zip(parts[2], factor)).map { $0 - $1.0 * $1.1 }
      return ChannelMap(factor: factor, offset: offset)
    }
    guard ["Mul", "Add", "Sub", "Div"].contains(node.operatorType), node.attributes.isEmpty,
      node.inputs.count == 2, let place = node.inputs.firstIndex(of: value),
      let numbers = perChannel(node.inputs[1 - place], channels, rank: ranks[value])
    else { return nil }
    switch node.operatorType {
    case "Mul": return ChannelMap(factor: numbers, offset: zero)
    case "Add": return ChannelMap(factor: one, offset: numbers)
    case "Sub" where place == 0: return ChannelMap(factor: one, offset: numbers.map { -$0 })
    case "Div" where place == 0 && !numbers.contains(0):
      return ChannelMap(factor: numbers.map { 1 / $0 }, offset: zero)
    default: return nil
    }
  }

  /// A constant that is one number for each channel, axis 1 of `rank`, or one for all.
  private func perChannel(_ name: String, _ channels: Int, rank: Int?) -> [Double]? {
    guard let tensor = constants[name], tensor.elementType == .float32, let rank, rank >= 2,
      tensor.shape.count <= rank
    else { return nil }
    let padded = Array(repeating: 1, count: rank - tensor.shape.count) + tensor.shape
    var expected = Array(repeating: 1, count: rank)
    guard let numbers = floats(name)?.map(Double.init) else { return nil }
    if padded == expected, numbers.count == 1 {
      return Array(repeating: numbers[0], count: channels)
    }
    expected[1] = channels
    return padded == expected ? numbers : nil
  }

  /// The node with the map in its constants, under the name that the map's result had; `nil` where
  /// numbers would no longer be finite.
  private mutating func fold(
    _ map: ChannelMap, into maker: Node, output: String
  ) -> Node? {
    var node = maker
    node.outputs[0] = output
    let isConvolution = maker.operatorType != "BatchNormalization"
    let shiftInput = 2
    let shift = floats(maker, shiftInput) ?? Array(repeating: 0, count: map.factor.count)
    let newShift = zip(shift, zip(map.factor, map.offset)).map { Float(Double($0) * $1.0 + $1.1) }
    guard newShift.count == map.factor.count, newShift.allSatisfy(\.isFinite),
      let old = constants[maker.inputs[1]],
      var numbers = floats(maker.inputs[1])
    else { return nil }
    let axis = maker.operatorType == "ConvTranspose" ? 1 : 0
    let inner = old.shape[(axis + 1)...].reduce(1, *)
    for index in numbers.indices {
      numbers[index] = Float(
        Double(numbers[index]) * map.factor[index / max(inner, 1) % map.factor.count])
    }
    guard numbers.allSatisfy(\.isFinite) else { return nil }
    node.inputs[1] = add(Tensor(shape: old.shape, numbers), like: maker.inputs[1])
    let hint =
      node.inputs.count > shiftInput && !node.inputs[shiftInput].isEmpty
      ? node.inputs[shiftInput] : "\(maker.inputs[1])_bias"
    let name = add(Tensor(shape: [newShift.count], newShift), like: hint)
    if isConvolution, node.inputs.count == shiftInput { node.inputs.append(name) }
    node.inputs[shiftInput] = name
    return node
  }

  private mutating func add(_ tensor: Tensor, like hint: String) -> String {
    let name = builder.unique("\(hint)_folded")
    constants[name] = tensor
    added.append(NamedTensor(name, tensor))
    return name
  }
}

extension Node {
  /// Whether it normalises by given numbers, and shows nothing else.
  fileprivate var isInference: Bool {
    operatorType == "BatchNormalization" && integer("training_mode") ?? 0 == 0
      && integer("spatial") ?? 1 == 1 && outputs.dropFirst().allSatisfy(\.isEmpty)
  }
}
