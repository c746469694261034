import ONNX

extension Model {
  /// The oldest version of the file format (`ir_version`) for each operator set of `ai.onnx`, as pairs
  /// of the first set that needs it and the version.
  private static let formatVersions = [
    (1, 3), (9, 4), (10, 5), (11, 6), (12, 7), (15, 8), (19, 9), (21, 10), (23, 11), (24, 12),
    (25, 13), (28, 14),
  ]

  /// Sets the version of the file format to the oldest that the operator set and the parts of the
  /// model allow, as readers of an old operator set may only read old formats.
  /// - Parameter isLower: whether the operator set was newer before
  mutating func fitFormatVersion(isLower: Bool) {
    let set = operatorSets.version(of: "") ?? 1
    let own = Int64(Self.formatVersions.last { $0.0 <= set }?.1 ?? 3)
    let current = irVersion ?? 3
    // Before version 4 every initializer must be an input too.
    var needed = max(own, graph.hasInputsForInitializers ? 3 : 4)
    if !functions.isEmpty {
      needed = max(needed, functions.contains { $0.overload?.isEmpty == false } ? 10 : 8)
    }
    if !deviceConfigurations.isEmpty { needed = max(needed, 11) }
    irVersion = isLower ? needed : max(current, needed)
  }
}

extension Model {
  /// The model in a version of the format in which initializers need not be inputs. In older versions
  /// they had to be; they are removed from the inputs, so that no run can replace them.
  func withOwnInitializers() -> Model {
    guard irVersion ?? 3 < 4 else { return self }
    var result = self
    let names = Set(graph.initializers.compactMap(\.name))
    result.graph.inputs.removeAll { names.contains($0.name) }
    result.irVersion = 4
    return result
  }
}

extension Graph {
  /// Whether every initializer is an input too, including those of subgraphs.
  fileprivate var hasInputsForInitializers: Bool {
    let inputs = Set(inputs.map(\.name))
    return initializers.allSatisfy { inputs.contains($0.name ?? "") }
      && nodes.allSatisfy { $0.subgraphs.allSatisfy(\.hasInputsForInitializers) }
  }
}
