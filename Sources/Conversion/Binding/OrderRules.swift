import ONNXFormat

/// Matching of modules by their order and shapes.
extension Binder {
  private enum Kind { case recurrent, normalization, other }

  /// Matches each module of the graph whose name the weights lack to the first unmatched module of
  /// the weights that has the same kind and shapes.
  /// - Returns: a sentence for each
  mutating func matchByOrder() -> [String] {
    var wanted: [(path: String, kind: Kind, use: WeightUse)] = []
    var seen: Set<String> = []
    for use in uses.uses where use.role == .weight || use.role == .inputWeights {
      guard let initializer = use.initializer, let name = graph.initializers[initializer].name,
        !ModulePath.isMadeUp(name), name.contains(".")
      else { continue }
      let path = ModulePath.parent(name)
      guard seen.insert(path).inserted else { continue }
      let isNorm = graph.nodes[use.node].isNormalization
      wanted.append(
        (path, use.role == .inputWeights ? .recurrent : isNorm ? .normalization : .other, use))
    }
    var free = table.modules.filter { !seen.contains($0) && kind(of: $0) != nil }
    var sentences: [String] = []
    for (path, kind, use) in wanted where table.leaves(of: path).isEmpty {
      guard let initializer = use.initializer,
        let index = free.firstIndex(where: {
          self.kind(of: $0) == kind && fits($0, kind, graph.initializers[initializer].tensor.shape)
        })
      else { continue }
      let found = free.remove(at: index)
      table.aliases[path] = found
      sentences.append("the graph's \(path.quoted) matches the weights' \(found.quoted) by order")
    }
    return sentences
  }

  private func kind(of path: String) -> Kind? {
    if table.contains(ModulePath.join(path, "weight_ih_l0")) { return .recurrent }
    if table.contains(ModulePath.join(path, "running_mean")) { return .normalization }
    return table.contains(ModulePath.join(path, "weight")) ? .other : nil
  }

  private func fits(_ path: String, _ kind: Kind, _ shape: [Int]) -> Bool {
    let leaf = kind == .recurrent ? "weight_ih_l0" : "weight"
    guard let found = table.shape(ModulePath.join(path, leaf)) else { return false }
    if kind == .recurrent { return Array(shape.dropFirst()) == found || shape == found }
    return shape == found || found.count == 2 && shape == found.reversed()
      || shape.filter { $0 != 1 } == found.filter { $0 != 1 }
  }
}
