import ONNXFormat

/// The rules by which a place finds its weight.
extension Binder {
  func assignment(for use: WeightUse) throws(ConversionError) -> Assignment? {
    switch use.role {
    case .inputWeights, .stateWeights, .gateBiases: return try recurrent(use)
    case .mean, .variance: return plain(use)
    case .weight, .bias, .other:
      return folded(use) ?? expandedNormalization(use) ?? (isAddedLater(use) ? nil : plain(use))
    }
  }

  /// The weight of exactly that name and shape.
  func exact(_ name: String, _ shape: [Int]) -> Assignment? {
    guard let index = table.index(name), table.entry(index).shape == shape else { return nil }
    let entry = table.entry(index)
    return Assignment(
      from: [index], rule: nameRule, shape: shape, name: name, elementType: entry.elementType
    ) { () throws(FormatError) in try entry.tensor() }
  }

  private var nameRule: String {
    table.prefix.isEmpty && table.graphPrefix.isEmpty ? "name" : "name without prefix"
  }

  /// Whether the bias that a node lacks is added by another node of the same Keras layer.
  private func isAddedLater(_ use: WeightUse) -> Bool {
    guard table.weights.layout == .keras, use.initializer == nil,
      let path = ModulePath.of(graph.nodes[use.node])
    else { return false }
    return addingScopes.contains(path)
  }

  // MARK: One weight

  private func plain(_ use: WeightUse) -> Assignment? {
    let node = graph.nodes[use.node]
    let old = use.initializer.map { graph.initializers[$0] }
    let merging = merging(of: use)
    // Weights that were extracted from an exported graph have generated names too.
    if let old, merging == .none || ModulePath.isMadeUp(old.name ?? ""),
      let found = fitted(old.name ?? "", use, node, isExact: true)
    {
      return found
    }
    let module = ModulePath.of(node)
    let name = old?.name ?? Self.biasName(node)
    let leaf = name.split(separator: ".").last.map(String.init) ?? ""
    func byRole(_ path: String) -> Assignment? {
      guard use.role != .other else { return nil }
      let name = ModulePath.join(path, use.role.rawValue)
      if let found = fitted(name, use, node, isExact: name == old?.name) { return found }
      // The two maps of a separable convolution of Keras.
      guard use.role == .weight, table.weights.layout == .keras else { return nil }
      return fitted(ModulePath.join(path, "pointwise_weight"), use, node, isExact: false)
        ?? fitted(ModulePath.join(path, "depthwise_weight"), use, node, isExact: false)
    }
    if merging != .none {
      // Parameters with special names are looked up by those first.
      let isOrdinary = WeightUse.Role(rawValue: leaf) != nil
      if isOrdinary, let found = module.flatMap(byRole) { return found }
      if let found = sibling(of: name, use, node) { return found }
      if let found = module.flatMap(byRole) { return found }
    }
    if merging == .accidental, module.map(table.holds) ?? false { return nil }
    for path in paths(of: use) { if let found = byRole(path) { return found } }
    if let old, let found = fitted(old.name ?? "", use, node, isExact: true) { return found }
    guard let old, use.isCertain, ModulePath.isMadeUp(old.name ?? ""), let module else {
      return nil
    }
    if let name = partner(of: node, in: module),
      let found = fitted(name, use, node, isExact: false)
    {
      return found
    }
    return inTurn(use, module)
  }

  /// The way an exporter has merged equal initializers.
  private enum Merging {
    case none
    /// By accident: all elements are the same, as in new biases.
    case accidental
    /// On purpose: several modules share a weight.
    case meant
  }

  private func merging(of use: WeightUse) -> Merging {
    let weight = graph.nodes[use.node].inputs.dropFirst().first.flatMap { graph.places[$0] }
    guard let place = use.initializer ?? weight, uses.counts[place, default: 0] > 1 else {
      return .none
    }
    return graph.initializers[place].tensor.isUniform ? .accidental : .meant
  }

  /// The name that a bias would have, if the graph had one.
  private static func biasName(_ node: Node) -> String {
    guard node.inputs.count > 1, !ModulePath.isMadeUp(node.inputs[1]) else { return "" }
    return ModulePath.join(ModulePath.parent(node.inputs[1]), WeightUse.Role.bias.rawValue)
  }

  /// The weight of the same name in the node's own module, for an initializer that an exporter has
  /// merged with one of another module.
  private func sibling(of name: String, _ use: WeightUse, _ node: Node) -> Assignment? {
    guard !name.isEmpty, !ModulePath.isMadeUp(name), let path = ModulePath.of(node) else {
      return nil
    }
    let names = name.split(separator: ".")
    for start in names.indices {
      let leaf = names[start...].joined(separator: ".")
      if let found = fitted(ModulePath.join(path, leaf), use, node, isExact: true) { return found }
    }
    return nil
  }

  /// The name of the weight that belongs to the bias that is added to a product, such as
  /// `in_proj_weight` for `in_proj_bias`.
  private func partner(of node: Node, in path: String) -> String? {
    guard let output = node.outputs.first, let sum = sums[output] else { return nil }
    for name in graph.nodes[sum].inputs where name != output {
      guard graph.places[name] != nil, ModulePath.parent(name) == path else { continue }
      let leaf = path.isEmpty ? name : String(name.dropFirst(path.count + 1))
      if leaf.hasPrefix("bias") { return ModulePath.join(path, "weight" + leaf.dropFirst(4)) }
      if leaf.hasSuffix("bias") { return ModulePath.join(path, leaf.dropLast(4) + "weight") }
    }
    return nil
  }

  /// The weight of a module that uses several in turn, as the unrolled steps of an RNN do: weights of
  /// one shape match in the file's order if the graph has as many places.
  private func inTurn(_ use: WeightUse, _ path: String) -> Assignment? {
    guard let initializer = use.initializer else { return nil }
    let shape = graph.initializers[initializer].tensor.shape
    let wanted = turns[Turn(path: path, role: use.role, shape: shape)] ?? []
    let node = graph.nodes[use.node]
    let found = leaves(around: path).compactMap {
      graph.places[$0] == nil ? fitted($0, use, node, isExact: false) : nil
    }
    guard found.count == wanted.count, let turn = wanted.firstIndex(of: initializer) else {
      return nil
    }
    return found[turn]
  }

  /// The weight for a constant that an exporter has computed from another initializer of the graph,
  /// such as `0 · W + b` or `W` as a matrix. The other one has equal elements; it is in the same
  /// module or, for a generated name, in any.
  func derived(_ use: WeightUse) -> Assignment? {
    guard let index = use.initializer, let path = ModulePath.of(graph.nodes[use.node]) else {
      return nil
    }
    let tensor = graph.initializers[index].tensor
    guard tensor.elementType.isFloatingPoint, tensor.count > 1 else { return nil }
    let isMadeUp = ModulePath.isMadeUp(graph.initializers[index].name ?? "")
    if use.isCertain && !isMadeUp { return nil }
    var found: [Assignment] = []
    let isSearched = isMadeUp && !tensor.isUniform
    let places =
      isSearched ? namedByModule.values.flatMap(\.self).sorted() : namedByModule[path] ?? []
    for place in places where place != index {
      let other = graph.initializers[place]
      guard let name = other.name, other.tensor.elementType == tensor.elementType,
        other.tensor.count == tensor.count, var result = exact(name, other.tensor.shape)
      else { continue }
      let make = result.make
      let shape = tensor.shape
      if Self.areEqual(other.tensor, tensor) {
        result.make = { () throws(FormatError) in try make().shaped(shape) }
      } else if isSearched, let turned = try? other.tensor.exchanged(),
        Self.areEqual(turned, tensor)
      {
        result.make = { () throws(FormatError) in try make().exchanged().shaped(shape) }
      } else {
        continue
      }
      result.rule = "equal to \(name.quoted) in the graph"
      result.shape = shape
      found.append(result)
    }
    return found.count == 1 ? found.first : nil
  }

  private static func areEqual(_ a: Tensor, _ b: Tensor) -> Bool {
    a.withUnsafeBytes { a in b.withUnsafeBytes { a.elementsEqual($0) } }
  }

  /// The weight of that name in the form that the place needs; `nil` where it has no such form.
  private func fitted(_ name: String, _ use: WeightUse, _ node: Node, isExact: Bool) -> Assignment?
  {
    guard let index = table.index(name) else { return nil }
    let entry = table.entry(index)
    let isLinear = entry.shape.count == 2 && self.isLinear(use)
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
    var rule =
      table.aliases[path].map { "module \($0.quoted)" }
      ?? (isExact ? nameRule : "module \(path.quoted)")
    if let computation = table.computation(index) { rule += ", \(computation)" }
    let turnsSquare = isLinear && needsTransposition(node, isExact: isExact)
    func assignment(
      _ note: String, _ make: @escaping () throws(FormatError) -> Tensor
    ) -> Assignment {
      Assignment(
        from: [index], rule: rule + note, shape: shape, name: name,
        elementType: entry.elementType, make: make)
    }
    if isLinear, shape == entry.shape.reversed(), shape != entry.shape || turnsSquare {
      return assignment(", transposed") { () throws(FormatError) in
        try entry.tensor().transposedMatrix()
      }
    }
    if shape == entry.shape {
      return assignment("") { () throws(FormatError) in try entry.tensor() }
    }
    guard let count = shape.elementCount, let given = entry.shape.elementCount, given > 0 else {
      return nil
    }
    // `[C]` for `[C, 1, 1]`, but not a scalar for a list.
    if count == given, shape.filter({ $0 != 1 }) == entry.shape.filter({ $0 != 1 }),
      !shape.isEmpty
    {
      return assignment(", reshaped from \(entry.shape)") { () throws(FormatError) in
        try entry.tensor().shaped(shape)
      }
    }
    // A bilinear layer as two products: `[outputs, left, right]` as `[left, outputs · right]`.
    if self.isLinear(use), entry.shape.count == 3,
      shape == [entry.shape[1], entry.shape[0] * entry.shape[2]]
    {
      return assignment(", dimensions swapped") { () throws(FormatError) in
        try entry.tensor().exchanged().shaped(shape)
      }
    }
    // An instance normalization is one of batch × channels channels.
    if node.isNormalization, entry.shape.count == 1, shape.count == 1,
      count % given == 0
    {
      return assignment(", repeated") { () throws(FormatError) in
        try entry.tensor().repeated(count / given)
      }
    }
    return nil
  }

  /// Whether a place takes the matrix of a linear layer.
  func isLinear(_ use: WeightUse) -> Bool {
    use.role == .weight && use.input == 1
      && graph.nodes[use.node].linearWeight?.isMatrix == true
  }

  /// Whether the graph has the matrix of a linear layer in PyTorch's layout.
  func keepsRows(_ use: WeightUse) -> Bool {
    graph.nodes[use.node].linearWeight?.hasOutputRows == true
  }

  /// Whether a square weight in PyTorch's layout must be transposed. A weight that has kept its name in
  /// an exported graph has kept PyTorch's layout too.
  private func needsTransposition(_ node: Node, isExact: Bool) -> Bool {
    guard node.linearWeight?.hasOutputRows != true else { return false }
    // Those of Keras were transposed when they were put in modules.
    if table.weights.layout == .keras { return true }
    return isExact ? isOwn && table.weights.layout == .pyTorch : true
  }

  /// The number of output channels of a node, which is the length of its bias.
  func outputs(of node: Node) -> Int? {
    guard node.inputs.count > 1, let place = graph.places[node.inputs[1]] else { return nil }
    let shape = graph.initializers[place].tensor.shape
    guard let layout = node.linearWeight, layout.takesBias else { return shape.last }
    guard layout.outputAxis < shape.count, !layout.isMatrix || shape.count == 2 else { return nil }
    return shape[layout.outputAxis] * max(1, layout.groups)
  }
}
