import ONNXFormat

/// The PyTorch modules that the places of a graph belong to.
extension Binder {
  static func table(
    of weights: Weights, for graph: FlatGraph, _ uses: WeightUses, _ options: BindingOptions
  ) -> WeightTable {
    let certain = uses.uses.filter {
      $0.isCertain && ($0.role == .weight || $0.role == .inputWeights)
    }
    let modules = Set(certain.compactMap { paths(of: $0, graph).first })
    let transposed = Set(
      certain.filter { graph.nodes[$0.node].linearWeight?.isTransposedKernel == true }
        .flatMap { paths(of: $0, graph) })
    return WeightTable(
      weights, expected: expectedNames(graph, uses), modules: modules.count,
      prefix: options.prefix, transposed: transposed)
  }

  private static func expectedNames(_ graph: FlatGraph, _ uses: WeightUses) -> Set<String> {
    var names = Set(graph.initializers.compactMap(\.name))
    for use in uses.uses where use.role != .other {
      for path in paths(of: use, graph) {
        if let leaf = use.role.leaf { names.insert(ModulePath.join(path, leaf)) }
      }
    }
    return names
  }

  /// The modules that a place may belong to: by the name of its initializer, by the node, by the name
  /// of the node's weight.
  private static func paths(of use: WeightUse, _ graph: FlatGraph) -> [String] {
    var paths: [String] = []
    func add(_ path: String?) {
      if let path, !paths.contains(path) { paths.append(path) }
    }
    let node = graph.nodes[use.node]
    if let initializer = use.initializer { add(namedPath(graph.initializers[initializer].name)) }
    add(ModulePath.of(node))
    if use.role != .weight, node.inputs.count > 1 { add(namedPath(node.inputs[1])) }
    return paths
  }

  private static func namedPath(_ name: String?) -> String? {
    guard let name, !ModulePath.isMadeUp(name) else { return nil }
    return ModulePath.parent(name)
  }

  /// The modules that a place may belong to, the most likely first.
  func paths(of use: WeightUse) -> [String] {
    var paths = Self.paths(of: use, graph)
    // The name of a merged initializer says less than the node.
    if let initializer = use.initializer, uses.counts[initializer, default: 0] > 1,
      let path = ModulePath.of(graph.nodes[use.node])
    {
      paths.removeAll { $0 == path }
      paths.insert(path, at: 0)
    }
    return paths
  }

  /// The weights of a module, and of its children that no node comes from: a module may use the
  /// weights of another one without calling it.
  func leaves(around path: String) -> [String] {
    table.modules.filter {
      $0 == path || $0.hasPrefix(path.isEmpty ? "" : path + ".") && !scopes.contains($0)
    }.flatMap { table.leaves(of: $0) }
  }

  mutating func countRecurrentNodes() {
    var counts: [String: Int] = [:]
    for use in uses.uses where use.role == .inputWeights {
      guard let path = ModulePath.of(graph.nodes[use.node]) else { continue }
      ordinals[use.node] = counts[path, default: 0]
      counts[path, default: 0] += 1
    }
  }

  mutating func listByModule() {
    for (index, initializer) in graph.initializers.enumerated() {
      guard let name = initializer.name, !ModulePath.isMadeUp(name) else { continue }
      namedByModule[ModulePath.parent(name), default: []].append(index)
    }
    scopes = Set(graph.nodes.compactMap(ModulePath.of))
    addingScopes = Set(
      graph.nodes.filter { node in
        node.isStandard("Add") && node.inputs.contains { graph.places[$0] != nil }
      }.compactMap(ModulePath.of))
    var seen: [Turn: Set<Int>] = [:]
    for use in uses.uses where use.isCertain {
      guard let place = use.initializer, let path = ModulePath.of(graph.nodes[use.node]),
        ModulePath.isMadeUp(graph.initializers[place].name ?? "")
      else { continue }
      let turn = Turn(path: path, role: use.role, shape: graph.initializers[place].tensor.shape)
      if seen[turn, default: []].insert(place).inserted { turns[turn, default: []].append(place) }
    }
  }

  mutating func findNormalizations() {
    for use in uses.uses where use.role == .mean {
      for path in paths(of: use) where table.contains(ModulePath.join(path, "running_mean")) {
        normalized.insert(path)
        break
      }
    }
  }

  /// Finds the modules of scopes that lack a component of their name: a `ModuleDict` is never called,
  /// so `a.rnn` and `b.rnn` become the scopes `rnn` and `rnn_1`.
  /// - Returns: a sentence for each
  mutating func matchScopes() -> [String] {
    var groups: [String: [String]] = [:]
    var order: [String] = []
    var seen: Set<String> = []
    for use in uses.uses where use.isCertain {
      guard let place = use.initializer, graph.order.origins[place] == nil,
        ModulePath.isMadeUp(graph.initializers[place].name ?? ""),
        let path = ModulePath.of(graph.nodes[use.node]), seen.insert(path).inserted,
        !path.isEmpty, !table.holds(path)
      else { continue }
      var stem = path
      if let mark = path.lastIndex(of: "_"), path[mark...].dropFirst().allSatisfy(\.isNumber) {
        stem = String(path[..<mark])
      }
      if groups[stem] == nil { order.append(stem) }
      groups[stem, default: []].append(path)
    }
    var sentences: [String] = []
    for stem in order {
      let scopes = groups[stem] ?? []
      let found = table.modules.filter { Self.isPart(stem, of: $0) && !seen.contains($0) }
      guard found.count == scopes.count else { continue }
      for (scope, module) in zip(scopes, found) {
        table.aliases[scope] = module
        sentences.append("the graph's \(scope.quoted) matches the weights' \(module.quoted)")
      }
    }
    return sentences
  }

  /// Whether the components of a path appear in another path in this order, with the same last one.
  private static func isPart(_ path: String, of other: String) -> Bool {
    var rest = path.split(separator: ".")[...]
    let names = other.split(separator: ".")
    guard rest.last == names.last else { return false }
    for name in names where name == rest.first { rest.removeFirst() }
    return rest.isEmpty
  }
}
