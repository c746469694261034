import ONNXFormat

extension Binder {
  /// The positions of the standard's gates in PyTorch's order: LSTM i f g o → i o f c,
  /// GRU r z n → z r h.
  private static func gateOrder(_ operatorType: String) -> (order: [Int], name: String) {
    switch operatorType {
    case "LSTM": ([0, 3, 1, 2], "gates i f g o to i o f c")
    case "GRU": ([1, 0, 2], "gates r z n to z r h")
    default: ([0], "directions stacked")
    }
  }

  /// `W`, `R` or `B` of an RNN, LSTM or GRU, from PyTorch's `weight_ih_l0`, `weight_hh_l0` and so on.
  /// - Throws: `ConversionError` for a GRU that computes something else than PyTorch's
  func recurrent(_ use: WeightUse) throws(ConversionError) -> Assignment? {
    let node = graph.nodes[use.node]
    let old = use.initializer.map { graph.initializers[$0] }
    if let old, let exact = exact(old.name ?? "", old.tensor.shape) { return exact }
    guard let (path, layer) = layer(of: use, node) else { return nil }
    let leaves: [String]
    switch use.role {
    case .inputWeights: leaves = ["weight_ih"]
    case .stateWeights: leaves = ["weight_hh"]
    default: leaves = ["bias_ih", "bias_hh"]
    }
    let isBidirectional =
      node.attribute("direction").map {
        if case .string(let text) = $0.value { text.string == "bidirectional" } else { false }
      } ?? false
    let suffixes = isBidirectional ? ["", "_reverse"] : [""]
    var from: [Int] = []
    for suffix in suffixes {
      for leaf in leaves {
        let name = ModulePath.join(path, "\(leaf)_l\(layer)\(suffix)")
        guard let index = table.index(name) else { return nil }
        from.append(index)
      }
    }
    let (order, ruleName) = Self.gateOrder(node.operatorType)
    guard let shape = stackedShape(use, from, gates: order.count, directions: suffixes.count),
      old == nil || old?.tensor.shape == shape
    else { return nil }
    let isBefore = node.integer("linear_before_reset") ?? 0 == 0
    let isKeras = table.weights.layout == .keras
    if node.operatorType == "GRU",
      let expected = isKeras ? table.weights.resetsBefore[path] : false,
      isBefore != expected
    {
      let (theirs, ours) = expected ? ("before", "after") : ("after", "before")
      throw ConversionError(
        "node \((node.name ?? node.outputs.first ?? "").quoted) (GRU): \(isKeras ? "Keras" : "PyTorch")"
          + " applies the reset gate \(theirs) the recurrent weights (linear_before_reset "
          + "\(expected ? 0 : 1)), this node \(ours) them")
    }
    let entries = from.map { table.entry($0) }
    let leaf = use.role == .inputWeights ? "W" : use.role == .stateWeights ? "R" : "B"
    return Assignment(
      from: from, rule: "module \(path.quoted), layer \(layer), \(ruleName)", shape: shape,
      name: ModulePath.join(path, "\(leaf)_l\(layer)"),
      elementType: entries.first?.elementType ?? .float32
    ) { () throws(FormatError) in
      var parts: [Tensor] = []
      for entry in entries { parts.append(try entry.tensor()) }
      return try Tensor.stacked(parts, order: order, shape: shape)
    }
  }

  /// The shape of the stacked weights; `nil` where they do not match.
  private func stackedShape(
    _ use: WeightUse, _ from: [Int], gates: Int, directions: Int
  ) -> [Int]? {
    let shapes = from.map { table.entry($0).shape }
    guard let first = shapes.first, shapes.allSatisfy({ $0 == first }), let rows = first.first,
      rows % gates == 0
    else { return nil }
    if use.role == .gateBiases { return first.count == 1 ? [directions, 2 * rows] : nil }
    return first.count == 2 ? [directions] + first : nil
  }

  /// The module and the layer of a recurrent node.
  private func layer(of use: WeightUse, _ node: Node) -> (path: String, layer: Int)? {
    // Any of the weights may have kept a name such as `rnn.weight_ih_l1`.
    for name in node.inputs.dropFirst().prefix(3) {
      guard let mark = name.range(ofLast: "_l"), let layer = Int(name[mark.upperBound...]) else {
        continue
      }
      let path = ModulePath.parent(name)
      if layer >= 0, layer < table.layers(of: path) { return (path, layer) }
    }
    guard let path = ModulePath.of(node), let ordinal = ordinals[use.node] else { return nil }
    let layers = table.layers(of: path)
    // A module that is called several times has several nodes for each layer.
    return layers > 0 ? (path, ordinal % layers) : nil
  }
}

extension String {
  /// The range of the last occurrence of a text.
  fileprivate func range(ofLast text: String) -> Range<String.Index>? {
    var end = endIndex
    while end > startIndex {
      let start = index(before: end)
      if self[start...].hasPrefix(text) {
        return start..<(index(start, offsetBy: text.count, limitedBy: endIndex) ?? endIndex)
      }
      end = start
    }
    return nil
  }
}
