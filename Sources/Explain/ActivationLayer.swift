import ONNXDifferentiation
import ONNXFormat
import ONNXInterpreter
import ONNXOperators

extension ExplainedModel {
  /// The layer whose maps are weighted.
  struct ActivationLayer {
    /// The name of the maps, `[N, C, H, W]`.
    var maps: String
    /// Whether the scores are a linear function of the means of the maps.
    var isPooled: Bool
    /// The name of the picture: an input, or a value of one or three channels computed from one.
    var picture: String
  }

  /// The layer for the scores `output`.
  /// - Parameter name: the name of a node or of its output; `nil` for the input of a global average
  ///   pool before linear layers, or else the last maps of more than one pixel
  func activationLayer(
    _ output: String, _ name: String?
  ) throws(ExplainError) -> ActivationLayer {
    let types: Differentiation
    do throws(ModelError) {
      types = try Differentiation(model, inputTypes: inputs.mapValues(\.type), options: options)
    } catch { throw .model(error) }
    func sizes(_ value: String) -> [Int]? {
      guard let type = types.type(of: value)?.tensorType, type.elementType.isFloatingPoint,
        let sizes = type.shape?.sizes, sizes.count == 4
      else { return nil }
      return sizes
    }
    func areMaps(_ value: String) -> Bool { sizes(value).map { $0[2] * $0[3] > 1 } ?? false }
    func isPicture(_ value: String) -> Bool {
      areMaps(value) && (sizes(value).map { $0[1] == 1 || $0[1] == 3 } ?? false)
    }
    let before = nodes(before: output)
    let values = inputs.keys.sorted() + before.flatMap(\.outputs)
    guard let picture = values.first(where: isPicture) else {
      throw .unsuitable("the scores depend on no value like a picture, [N,1 or 3,H,W]")
    }
    if name == nil, let maps = pooledMaps(output, isMaps: areMaps) {
      return ActivationLayer(maps: maps, isPooled: true, picture: picture)
    }
    let layers = before.filter { $0.outputs.contains(where: areMaps) }
    let layer = name == nil ? layers.last : layers.last { $0.name == name }
    let maps = layer?.outputs.first(where: areMaps) ?? values.first { $0 == name && areMaps($0) }
    guard let maps else {
      throw .noNode(
        kind: "layer of maps [N,C,H,W] before the scores", name: name,
        candidates: layers.map(\.label))
    }
    return ActivationLayer(maps: maps, isPooled: false, picture: picture)
  }

  /// The nodes that a value depends on, in the graph's order.
  private func nodes(before value: String) -> [Node] {
    var needed: Set = [value]
    let used = model.graph.nodes.reversed().filter { node in
      guard node.outputs.contains(where: needed.contains) else { return false }
      needed.formUnion(node.inputs)
      return true
    }
    return used.reversed()
  }

  /// Operators that keep a linear function of their only input that is not constant linear.
  private static let linear: Set = [
    "Add", "BatchNormalization", "Conv", "Div", "Gemm", "Identity", "MatMul", "Mul", "Sub",
  ]
  /// Operators that copy their first input.
  private static let copying: Set = [
    "Cast", "Dropout", "Flatten", "Reshape", "Squeeze", "Transpose", "Unsqueeze",
  ]

  /// The maps whose means determine the scores by linear operators; `nil` if there are none.
  private func pooledMaps(_ output: String, isMaps: (String) -> Bool) -> String? {
    var makers: [String: Node] = [:]
    // The values that differ from run to run.
    var given = Set(model.graph.inputs.map(\.name))
      .subtracting(model.graph.initializers.compactMap(\.name))
    for node in model.graph.nodes {
      let varies = node.inputs.contains(where: given.contains)
      for name in node.outputs where !name.isEmpty {
        makers[name] = node
        if varies { given.insert(name) }
      }
    }
    var value = output
    // Each step goes to an earlier node, so their number bounds the walk.
    for _ in model.graph.nodes {
      guard let node = makers[value], node.outputs.first == value,
        (node.domain ?? "").isEmpty || node.domain == "ai.onnx"
      else { return nil }
      let isPool = ["GlobalAveragePool", "AveragePool", "ReduceMean"].contains(node.operatorType)
      if isPool, let maps = node.inputs.first, isMaps(maps) {
        return isMaps(value) || !averagesPlane(node, maps, value) ? nil : maps
      }
      let isCopy = Self.copying.contains(node.operatorType)
      let sources = isCopy ? Array(node.inputs.prefix(1)) : node.inputs.filter(given.contains)
      let isLinear =
        (isCopy || Self.linear.contains(node.operatorType))
        && (node.operatorType != "Div" || node.inputs.first == sources.first)
      guard isLinear, sources.count == 1, !isMaps(sources[0]) else { return nil }
      value = sources[0]
    }
    return nil
  }

  /// Whether a pool of maps averages each of them as a whole, and nothing else.
  private func averagesPlane(_ node: Node, _ maps: String, _ value: String) -> Bool {
    guard let found = try? tensors([maps, value]), let x = found[maps], let y = found[value] else {
      return false
    }
    return y.count == x.shape[0] * x.shape[1]
  }
}
