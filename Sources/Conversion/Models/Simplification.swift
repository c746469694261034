import ONNX

extension Model {
  /// The model with its functions inlined, constant expressions computed, and affine maps of channels
  /// folded into the node before them. Nodes that are identities, duplicates or unused are removed.
  /// All nodes are operators of the versions that the model imports.
  /// - Parameter operators: operators that this package lacks, as in `SessionOptions.operators`
  /// - Throws: `ModelError` for an invalid model
  public func simplified(
    operators: [any Operator.Type] = []
  ) throws(ModelError) -> Model {
    var result = try withOwnInitializers().withoutFunctions()
    // Nodes of a function may belong to another version than the model imports.
    for set in operatorSets {
      let domain = Registry.normalized(domain: set.domain)
      guard result.graph.mixesVersions(of: domain, than: Int(clamping: set.version)) else {
        continue
      }
      result = try result.converted(
        toOperatorSet: Int(clamping: set.version), domain: domain, operators: operators)
    }
    // The result of one pass may enable another.
    for _ in 0..<8 {
      let count = result.graph.nodes.count
      result = try result.withConstantsComputed(operators: operators)
      result.removeUnused()
      result = result.withKnownSizes(operators).withoutRedundantNodes(operators)
        .withChannelsFolded(operators)
      if result.graph.nodes.count == count { break }
    }
    let domains = result.graph.domains
    result.operatorSets.removeAll {
      let domain = Registry.normalized(domain: $0.domain)
      return !domain.isEmpty && !domains.contains(domain)
    }
    return result
  }
}

extension Graph {
  fileprivate func mixesVersions(of domain: String, than version: Int) -> Bool {
    nodes.contains { node in
      if Registry.normalized(domain: node.domain) == domain,
        let own = node.operatorSetVersion, own != version
      {
        return true
      }
      return node.subgraphs.contains { $0.mixesVersions(of: domain, than: version) }
    }
  }

  fileprivate var domains: Set<String> {
    var domains: Set<String> = []
    for node in nodes {
      domains.insert(Registry.normalized(domain: node.domain))
      for graph in node.subgraphs { domains.formUnion(graph.domains) }
    }
    return domains
  }
}
