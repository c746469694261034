import ONNXFormat

/// What each place wants, and how it gets it.
extension Binder {
  func assignment(for use: WeightUse) throws(ConversionError) -> Assignment? {
    switch use.role {
    case .inputWeights, .stateWeights, .gateBiases: return try recurrent(use)
    case .mean, .variance: return plain(use)
    case .weight, .bias: return folded(use) ?? plain(use)
    }
  }

  /// The weight of exactly that name and shape.
  func exact(_ name: String, _ shape: [Int]) -> Assignment? {
    guard let index = table.index(name), table.entry(index).shape == shape else { return nil }
    let entry = table.entry(index)
    return Assignment(
      from: [index], rule: nameRule, shape: shape, name: name
    ) { () throws(FormatError) in try entry.tensor() }
  }

  private var nameRule: String {
    table.prefix.isEmpty && table.graphPrefix.isEmpty ? "name" : "name without prefix"
  }

  // MARK: One weight

  private func plain(_ use: WeightUse) -> Assignment? {
    let node = graph.nodes[use.node]
    let old = use.initializer.map { graph.initializers[$0] }
    let paths = paths(of: use)
    let isShared = use.initializer.map { uses.counts[$0, default: 0] > 1 } ?? false
    if !isShared, let old, let found = fitted(old.name ?? "", use, node, isExact: true) {
      return found
    }
    for path in paths {
      let name = ModulePath.join(path, use.role.rawValue)
      if let found = fitted(name, use, node, isExact: name == old?.name) { return found }
    }
    if let old, let found = fitted(old.name ?? "", use, node, isExact: true) { return found }
    guard let old, use.isCertain, ModulePath.isMadeUp(old.name ?? ""),
      let path = ModulePath.of(node)
    else { return nil }
    if let name = partner(of: node, in: path),
      let found = fitted(name, use, node, isExact: false)
    {
      return found
    }
    return inTurn(use, path)
  }

  /// The weight beside the bias that is added behind a product: `in_proj_weight` beside
  /// `in_proj_bias`.
  private func partner(of node: Node, in path: String) -> String? {
    guard let output = node.outputs.first, let sum = sums[output] else { return nil }
    for name in graph.nodes[sum].inputs where name != output {
      guard uses.places[name] != nil, ModulePath.parent(name) == path else { continue }
      let leaf = path.isEmpty ? name : String(name.dropFirst(path.count + 1))
      if leaf.hasPrefix("bias") { return ModulePath.join(path, "weight" + leaf.dropFirst(4)) }
      if leaf.hasSuffix("bias") { return ModulePath.join(path, leaf.dropLast(4) + "weight") }
    }
    return nil
  }

  /// A module with several weights that are used one after the other, as the unrolled steps of an RNN
  /// are: those of one shape are taken in the file's order, where there are as many as the graph wants.
  private func inTurn(_ use: WeightUse, _ path: String) -> Assignment? {
    guard let initializer = use.initializer else { return nil }
    let shape = graph.initializers[initializer].tensor.shape
    let wanted = turns[Turn(path: path, role: use.role, shape: shape)] ?? []
    let node = graph.nodes[use.node]
    let found = table.leaves(of: path).compactMap { fitted($0, use, node, isExact: false) }
    guard found.count == wanted.count, let turn = wanted.firstIndex(of: initializer) else {
      return nil
    }
    return found[turn]
  }

  /// For a number that an exporter has computed from a bias, such as `0 · W + b`: the weight of the
  /// initializer in the same module that holds the same numbers in the graph.
  func derived(_ use: WeightUse) -> Assignment? {
    guard let index = use.initializer, !use.isCertain,
      let path = ModulePath.of(graph.nodes[use.node])
    else { return nil }
    let tensor = graph.initializers[index].tensor
    guard tensor.elementType.isFloatingPoint, tensor.count > 1 else { return nil }
    var found: [Assignment] = []
    for place in namedByModule[path] ?? [] {
      let other = graph.initializers[place]
      guard let name = other.name,
        other.tensor.elementType == tensor.elementType, other.tensor.count == tensor.count,
        other.tensor.withUnsafeBytes({ a in tensor.withUnsafeBytes { a.elementsEqual($0) } }),
        let exact = exact(name, other.tensor.shape)
      else { continue }
      found.append(exact)
    }
    guard found.count == 1, var result = found.first, tensor.shape.elementCount == tensor.count
    else { return nil }
    let make = result.make
    let shape = tensor.shape
    result.rule = "the same numbers as \(result.name.quoted) in the graph"
    result.shape = shape
    result.make = { () throws(FormatError) in try make().shaped(shape) }
    return result
  }

  /// The weight of that name in the form that the place needs, where it has one.
  private func fitted(_ name: String, _ use: WeightUse, _ node: Node, isExact: Bool) -> Assignment?
  {
    guard let index = table.index(name) else { return nil }
    let entry = table.entry(index)
    let isLinear = use.role == .weight && entry.shape.count == 2 && isLinearWeight(use, node)
    let shape: [Int]
    if let initializer = use.initializer {
      shape = graph.initializers[initializer].tensor.shape
    } else {
      // A bias that the graph lacks.
      guard entry.shape.count == 1, outputs(of: node).map({ [$0] == entry.shape }) ?? true else {
        return nil
      }
      shape = entry.shape
    }
    let path = ModulePath.parent(name)
    let rule =
      table.aliases[path].map { "by order, module \($0.quoted)" }
      ?? (isExact ? nameRule : "module \(path.quoted)")
    let turnsSquare = isLinear && needsTransposition(node, isExact: isExact)
    if isLinear, shape == entry.shape.reversed(), shape != entry.shape || turnsSquare {
      return Assignment(
        from: [index], rule: rule + ", transposed", shape: shape, name: name
      ) { () throws(FormatError) in try entry.tensor().transposedMatrix() }
    }
    if shape == entry.shape {
      return Assignment(from: [index], rule: rule, shape: shape, name: name) {
        () throws(FormatError) in try entry.tensor()
      }
    }
    // `[C]` for `[C, 1, 1]`, but no number for another.
    guard shape.elementCount == entry.shape.elementCount,
      shape.filter({ $0 != 1 }) == entry.shape.filter({ $0 != 1 }), !shape.isEmpty
    else { return nil }
    return Assignment(
      from: [index], rule: rule + ", reshaped from \(entry.shape)", shape: shape, name: name
    ) { () throws(FormatError) in try entry.tensor().shaped(shape) }
  }

  private func isLinearWeight(_ use: WeightUse, _ node: Node) -> Bool {
    node.operatorType == "MatMul" && use.input == 1 || node.operatorType == "Gemm"
  }

  /// Whether a square weight of PyTorch's layout is to be turned. One that kept its name in an
  /// exported graph lies there as PyTorch has it.
  private func needsTransposition(_ node: Node, isExact: Bool) -> Bool {
    guard node.operatorType == "MatMul" || node.int("transB", default: 0) == 0 else {
      return false
    }
    return isExact ? isOwn && table.weights.layout == .pyTorch : true
  }

  /// The number of outputs that a bias belongs to.
  private func outputs(of node: Node) -> Int? {
    guard node.inputs.count > 1, let place = uses.places[node.inputs[1]] else { return nil }
    let shape = graph.initializers[place].tensor.shape
    switch node.operatorType {
    case "Conv": return shape.first
    case "ConvTranspose":
      return shape.count > 1 ? shape[1] * max(1, node.int("group", default: 1)) : nil
    case "Gemm":
      guard shape.count == 2 else { return nil }
      return node.int("transB", default: 0) == 0 ? shape[1] : shape[0]
    default: return shape.last
    }
  }

  // MARK: Folded batch normalizations

  /// The weight or bias of a linear map into which the graph has folded a batch normalization.
  private func folded(_ use: WeightUse) -> Assignment? {
    let node = graph.nodes[use.node]
    guard ["Conv", "ConvTranspose", "Gemm"].contains(node.operatorType), node.inputs.count > 1,
      let place = uses.places[node.inputs[1]], let (path, norm) = foldedNorms[use.node],
      let weight = table.index(ModulePath.join(path, "weight")),
      let mean = table.index(ModulePath.join(norm, "running_mean")),
      let variance = table.index(ModulePath.join(norm, "running_var"))
    else { return nil }
    let scale = table.index(ModulePath.join(norm, "weight"))
    let shift = table.index(ModulePath.join(norm, "bias"))
    let bias = table.index(ModulePath.join(path, "bias"))
    let table = table
    let epsilon = options.batchNormEpsilon
    func values() throws(FormatError) -> BatchNormValues {
      try BatchNormValues(
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
        shape: table.entry(mean).shape, name: ModulePath.join(path, "bias")
      ) { () throws(FormatError) in
        try values().folded(bias: tensor(bias), elementType: type)
      }
    }
    let axis = node.operatorType == "ConvTranspose" ? 1 : 0
    let shape = graph.initializers[place].tensor.shape
    let turns = node.operatorType == "Gemm" && node.int("transB", default: 0) == 0
    return Assignment(
      from: [weight, scale, mean, variance].compactMap { $0 }, rule: rule, shape: shape,
      name: ModulePath.join(path, "weight")
    ) { () throws(FormatError) in
      let folded = try values().folded(weight: table.entry(weight).tensor(), axis: axis)
      return turns ? try folded.transposedMatrix() : folded
    }
  }

  /// Finds the normalizations that are folded, the surest first, each once.
  mutating func findFolded() {
    var taken: Set<String> = []
    for evidence in FoldingEvidence.allCases {
      for (index, node) in graph.nodes.enumerated() where foldedNorms[index] == nil {
        guard node.hasStandardDomain,
          ["Conv", "ConvTranspose", "Gemm"].contains(node.operatorType), node.inputs.count > 1,
          let place = uses.places[node.inputs[1]],
          let found = foldedModules(node, graph.initializers[place], evidence),
          taken.insert(found.norm).inserted
        else { continue }
        foldedNorms[index] = found
      }
    }
  }

  /// What speaks for a normalization behind a linear map.
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
    /// Whether the module's weight is that of the node, before folding.
    func isMap(_ path: String) -> Bool {
      guard let shape = table.shape(ModulePath.join(path, "weight")) else { return false }
      return shape == weight.tensor.shape
        || node.operatorType == "Gemm" && shape == weight.tensor.shape.reversed()
    }
    guard let map = [named, scope].compactMap({ $0 }).first(where: isMap) else { return nil }
    switch evidence {
    case .scope:
      guard let scope, scope != map, isNorm(scope) else { return nil }
      return (map, scope)
    case .name: return Self.normNames(behind: map).first(where: isNorm).map { (map, $0) }
    case .order:
      // The graph has a bias that the weights lack: a normalization must have brought it.
      let hasBias = node.inputs.count > 2 && uses.places[node.inputs[2]] != nil
      guard hasBias, !table.contains(ModulePath.join(map, "bias")),
        let norm = table.module(behind: map), isNorm(norm)
      else { return nil }
      return (map, norm)
    }
  }

  /// What a normalization behind a module is usually called: `bn1` behind `conv1`, `3` behind `2`.
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
