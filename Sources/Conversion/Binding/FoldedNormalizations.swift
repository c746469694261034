import ONNX
import ONNXOperators

/// Batch normalizations that the graph has folded into the linear map before them.
extension Binder {
  /// The factor or the offset of a normalization of Keras that tf2onnx has written as a product and a
  /// sum.
  func expandedNormalization(_ use: WeightUse) -> Assignment? {
    let node = graph.nodes[use.node]
    guard table.weights.layout == .keras, let place = use.initializer,
      node.isStandard("Mul") || node.isStandard("Add"), let path = ModulePath.of(node),
      let mean = table.index(ModulePath.join(path, "running_mean")),
      let variance = table.index(ModulePath.join(path, "running_var")),
      graph.initializers[place].tensor.count == table.entry(mean).shape.elementCount
    else { return nil }
    let scale = table.index(ModulePath.join(path, "weight"))
    let shift = table.index(ModulePath.join(path, "bias"))
    let table = table
    let epsilon = epsilon(path)
    let isFactor = node.isStandard("Mul")
    let shape = graph.initializers[place].tensor.shape
    return Assignment(
      from: [scale, isFactor ? nil : shift, mean, variance].compactMap { $0 },
      rule: "module \(path.quoted), \(isFactor ? "factor" : "offset") with ε \(epsilon)",
      shape: shape, name: ModulePath.join(path, isFactor ? "factor" : "offset"),
      elementType: table.entry(mean).elementType
    ) { () throws(FormatError) in
      func values(_ index: Int?) throws(FormatError) -> [Double]? {
        guard let index else { return nil }
        return Array(
          try table.entry(index).tensor().converted(to: .float64).elements(as: Double.self))
      }
      guard
        let map = ChannelMap(
          normalizingBy: try values(mean) ?? [], variance: try values(variance) ?? [],
          scale: try values(scale), bias: try values(shift), epsilon: epsilon)?.expanded
      else { throw FormatError(.invalid("the statistics of \(path.quoted) differ in length")) }
      return try Tensor(shape: shape, isFactor ? map.factors : map.offsets)
        .converted(to: table.entry(mean).elementType)
    }
  }

  /// The ε of a normalization, which the graph no longer has.
  func epsilon(_ norm: String) -> Double {
    options.batchNormEpsilon ?? table.weights.epsilons[norm]
      ?? (table.weights.layout == .keras ? 1e-3 : 1e-5)
  }

  /// The weight or bias for a linear map into which the graph has folded a batch normalization.
  func folded(_ use: WeightUse) -> Assignment? {
    let node = graph.nodes[use.node]
    guard let (path, norm) = foldedNorms[use.node], let layout = node.linearWeight,
      let place = graph.places[node.inputs[1]],
      let weight = table.index(ModulePath.join(path, "weight")),
      let mean = table.index(ModulePath.join(norm, "running_mean")),
      let variance = table.index(ModulePath.join(norm, "running_var"))
    else { return nil }
    let scale = table.index(ModulePath.join(norm, "weight"))
    let shift = table.index(ModulePath.join(norm, "bias"))
    let bias = table.index(ModulePath.join(path, "bias"))
    let table = table
    let epsilon = epsilon(norm)
    func map() throws(FormatError) -> ChannelMap {
      try ChannelMap(
        weight: tensor(scale), bias: tensor(shift), mean: table.entry(mean).tensor(),
        variance: table.entry(variance).tensor(), epsilon: epsilon)
    }
    func tensor(_ index: Int?) throws(FormatError) -> Tensor? {
      guard let index else { return nil }
      return try table.entry(index).tensor()
    }
    let rule = "batch norm \(norm.quoted) folded, ε \(epsilon)"
    if use.role == .bias {
      let type = table.entry(weight).elementType
      return Assignment(
        from: [bias, scale, shift, mean, variance].compactMap { $0 }, rule: rule,
        shape: table.entry(mean).shape, name: ModulePath.join(path, "bias"), elementType: type
      ) { () throws(FormatError) in
        try map().folded(bias: tensor(bias), elementType: type)
      }
    }
    // The weight of a linear layer is [outputs, inputs] in the file.
    let axis = layout.isMatrix ? 0 : layout.outputAxis
    let groups = layout.groups
    let shape = graph.initializers[place].tensor.shape
    let isTransposed = layout.isMatrix && !layout.hasOutputRows
    return Assignment(
      from: [weight, scale, mean, variance].compactMap { $0 }, rule: rule, shape: shape,
      name: ModulePath.join(path, "weight"), elementType: table.entry(weight).elementType
    ) { () throws(FormatError) in
      let folded = try map().folded(
        weight: table.entry(weight).tensor(), axis: axis, groups: groups)
      return isTransposed ? try folded.transposedMatrix() : folded
    }
  }

  /// Finds the normalizations that the graph has folded, each once, by the strongest evidence first.
  mutating func findFolded() {
    var taken: Set<String> = []
    for evidence in FoldingEvidence.allCases {
      for (index, node) in graph.nodes.enumerated() where foldedNorms[index] == nil {
        guard node.linearWeight?.takesBias == true, !node.isNormalization, node.inputs.count > 1,
          let place = graph.places[node.inputs[1]],
          let found = foldedModules(node, graph.initializers[place], evidence),
          taken.insert(found.norm).inserted
        else { continue }
        foldedNorms[index] = found
      }
    }
    for (epsilon, norms) in Dictionary(grouping: taken, by: epsilon).sorted(by: { $0.key < $1.key })
    {
      report.rules.append(
        "\(norms.count) batch normalizations folded as in the graph, assuming ε = \(epsilon)")
    }
  }

  /// The evidence that a normalization follows a linear map.
  private enum FoldingEvidence: CaseIterable {
    case scope, name, order
  }

  /// The modules of the map and of the normalization that follows it.
  private func foldedModules(
    _ node: Node, _ weight: NamedTensor, _ evidence: FoldingEvidence
  ) -> (map: String, norm: String)? {
    let scope = ModulePath.of(node)
    let name = weight.name ?? ""
    let named = ModulePath.isMadeUp(name) ? nil : ModulePath.parent(name)
    let outputs = outputs(of: node)
    func isNorm(_ path: String) -> Bool {
      guard !normalized.contains(path), let outputs else { return false }
      return table.shape(ModulePath.join(path, "running_mean")) == [outputs]
    }
    /// Whether the module's weight has the shape of the node's.
    func isMap(_ path: String) -> Bool {
      guard let shape = table.shape(ModulePath.join(path, "weight")) else { return false }
      return shape == weight.tensor.shape
        || node.linearWeight?.isMatrix == true && shape == weight.tensor.shape.reversed()
    }
    guard let map = [named, scope].compactMap({ $0 }).first(where: isMap) else { return nil }
    if evidence == .scope, let norm = node.layerOfOutput, isNorm(norm) { return (map, norm) }
    switch evidence {
    case .scope:
      guard let scope, scope != map, isNorm(scope) else { return nil }
      return (map, scope)
    case .name: return Self.normNames(behind: map).first(where: isNorm).map { (map, $0) }
    case .order:
      // A bias that the weights lack must come from a normalization.
      let hasBias = node.inputs.count > 2 && graph.places[node.inputs[2]] != nil
      guard hasBias, !table.contains(ModulePath.join(map, "bias")),
        let norm = table.module(behind: map), isNorm(norm)
      else { return nil }
      return (map, norm)
    }
  }

  /// Usual names of a normalization after a module: `bn1` after `conv1`, `3` after `2`.
  private static func normNames(behind path: String) -> [String] {
    let parent = ModulePath.parent(path)
    let leaf = parent.isEmpty ? path : String(path.dropFirst(parent.count + 1))
    if let number = Int(leaf), number < Int.max {
      return [ModulePath.join(parent, "\(number + 1)")]
    }
    var names: [String] = []
    for word in ["conv", "fc", "linear", "deconv"] where leaf.hasPrefix(word) {
      let rest = leaf.dropFirst(word.count)
      for norm in ["bn", "norm", "batchnorm", "batch_norm", "bn_\(word)"] {
        names.append(ModulePath.join(parent, norm + rest))
      }
    }
    return names
  }
}
