import ONNX
import ONNXOperators

extension Model {
  /// The model in another version of an operator set: its graph, subgraphs, functions and training
  /// graphs. It computes the same results.
  ///
  /// - Parameters:
  ///   - version: the version of the operator set
  ///   - domain: the domain of the operator set; empty, like `ai.onnx`, for the standard's own
  ///   - operators: operators that this package lacks, as in `SessionOptions.operators`
  /// - Throws: `ModelError.node` for the first node that the version cannot express, and
  ///   `ModelError.graph` for an unknown version or domain
  public func converted(
    toOperatorSet version: Int, domain: String = "", operators: [any Operator.Type] = []
  ) throws(ModelError) -> Model {
    let domain = Registry.normalized(domain: domain)
    let registry = Registry.standard.adding(operators)
    guard let newest = registry.newestVersion(of: domain) else {
      throw .graph("unknown operator set '\(domain)'")
    }
    guard (1...newest).contains(version) else {
      throw .graph("operator set \(version): expected 1 to \(newest)")
    }
    let missing = try missingOperators(registry).filter { $0.domain == domain }
    guard missing.isEmpty else { throw .unknownOperators(missing) }
    do { return try following(version, of: domain, operators) } catch {
      // Values that a step needs may follow from shapes and constants.
      guard trainingInfos.isEmpty, case .node = error,
        var known = try? withConstantsComputed(operators: operators)
      else { throw error }
      known.removeUnused()
      return try known.following(version, of: domain, operators)
    }
  }

  private func following(
    _ version: Int, of domain: String, _ operators: [any Operator.Type]
  ) throws(ModelError) -> Model {
    var result = self
    if result.operatorSets.isEmpty { result.operatorSets = [OperatorSetImport(version: 1)] }
    var conversion = OperatorSetConversion(
      result, domain: domain, target: version, operators)
    try conversion.convert(&result)
    result.graph.makeNodeNamesUnique(keeping: graph)
    let previous = result.operatorSets.first(where: { $0.isOf(domain) })?.version
    result.operatorSets.set(domain, to: version, addingIt: domain.isEmpty)
    for index in result.functions.indices {
      result.functions[index].operatorSets.set(domain, to: version, addingIt: false)
    }
    if conversion.isCheckable { try result.check(operators) }
    if domain.isEmpty, let previous { result.fitFormatVersion(isLower: version < previous) }
    return result
  }
}

extension Model {
  /// Checks every node against its operator.
  /// - Throws: `ModelError` for the first node that is invalid
  func check(_ operators: [any Operator.Type] = []) throws(ModelError) {
    _ = try Session(self, options: .checking(operators))
  }
}

extension SessionOptions {
  /// Options of a session that only checks its model.
  static func checking(_ operators: [any Operator.Type]) -> SessionOptions {
    var options = SessionOptions()
    options.operators = operators
    options.passes = []
    options.expansions = [.gradients]
    options.threads = 1
    return options
  }
}

extension OperatorSetImport {
  func isOf(_ domain: String) -> Bool { Registry.normalized(domain: self.domain) == domain }
}

extension [OperatorSetImport] {
  fileprivate mutating func set(_ domain: String, to version: Int, addingIt: Bool) {
    let first = firstIndex(where: { $0.isOf(domain) })
    if let first {
      self[first].version = Int64(version)
      // The same version may be imported several times.
      self = enumerated().filter { $0 == first || !$1.isOf(domain) }.map(\.element)
    } else if addingIt {
      append(OperatorSetImport(version: Int64(version)))
    }
  }

  func version(of domain: String) -> Int? {
    first { $0.isOf(domain) }.map { Int(clamping: $0.version) }
  }
}

/// The conversion of a model's nodes of one domain.
private struct OperatorSetConversion {
  let domain: String
  let target: Int
  /// The version of nodes that do not state their own.
  private var source: Int?
  private let scope: ConversionScope
  private let operators: [any Operator.Type]
  private let registry: Registry
  private let functions: Set<[String]>
  /// Whether the model passed its checks before.
  var isCheckable: Bool { scope.isChecked }
  private var histories: [String: (first: Int, steps: [VersionStep])] = [:]

  init(_ model: Model, domain: String, target: Int, _ operators: [any Operator.Type]) {
    self.operators = operators
    self.registry = Registry.standard.adding(operators)
    self.domain = domain
    self.target = target
    self.source = model.operatorSets.version(of: domain)
    self.functions = Set(
      model.functions.map { [Registry.normalized(domain: $0.domain), $0.name] })
    self.scope = ConversionScope(model, operators)
  }

  mutating func convert(_ model: inout Model) throws(ModelError) {
    try convert(&model.graph, scope)
    for index in model.trainingInfos.indices {
      if var graph = model.trainingInfos[index].initialization {
        try convert(&graph, scope.inner())
        model.trainingInfos[index].initialization = graph
      }
      if var graph = model.trainingInfos[index].algorithm {
        try convert(&graph, scope.inner())
        model.trainingInfos[index].algorithm = graph
      }
    }
    for index in model.functions.indices {
      source = model.functions[index].operatorSets.version(of: domain)
      let nodes = model.functions[index].nodes
      let scope = ConversionScope(model.functions[index], operators)
      var converted = try convert(nodes, scope)
      let wanted = model.functions[index].outputs
      removeConstants(&converted, unusedSince: nodes, wanted: wanted)
      model.functions[index].nodes = converted
    }
  }

  private mutating func convert(
    _ graph: inout Graph, _ scope: ConversionScope
  ) throws(ModelError) {
    scope.enter(graph)
    let nodes = graph.nodes
    graph.nodes = try convert(nodes, scope)
    if domain.isEmpty, target < 9 { graph.moveConstantsToInitializers() }
    if domain.isEmpty, target < 6 { graph.stateTypesOfCasts(scope) }
    let wanted = graph.outputs.map(\.name)
    let used = removeConstants(&graph.nodes, unusedSince: nodes, wanted: wanted)
    let before = Set(nodes.flatMap(\.usedNames))
    let inputs = Set(graph.inputs.map(\.name))
    graph.initializers.removeAll { initializer in
      guard let name = initializer.name, !inputs.contains(name) else { return false }
      return before.contains(name) && !used.contains(name)
    }
  }

  private mutating func convert(
    _ nodes: [Node], _ scope: ConversionScope
  ) throws(ModelError) -> [Node] {
    var result: [Node] = []
    result.reserveCapacity(nodes.count)
    for (index, var node) in nodes.enumerated() {
      for index in node.attributes.indices {
        guard case .graph(var graph) = node.attributes[index].value else { continue }
        try convert(&graph, scope.inner())
        node.attributes[index].value = .graph(graph)
      }
      do {
        let converted = try convert(node, scope)
        for node in converted { scope.note(node) }
        result += converted
      } catch {
        let name = node.name.flatMap { $0.isEmpty ? nil : $0 } ?? "#\(index)"
        throw .node(name: name, operatorType: node.operatorType, error)
      }
    }
    return result
  }

  /// The nodes of the target version that replace a node.
  private mutating func convert(
    _ node: Node, _ scope: ConversionScope
  ) throws(OperatorError) -> [Node] {
    guard Registry.normalized(domain: node.domain) == domain,
      !functions.contains([domain, node.operatorType])
    else { return [node] }
    guard let source = node.operatorSetVersion ?? source else {
      throw .invalid("the model does not import its domain")
    }
    scope.infer(node, operatorSet: source)
    var waiting = [(node: node, version: source)]
    var result: [Node] = []
    while let (waited, version) = waiting.popLast() {
      var node = waited
      node.operatorSetVersion = nil
      guard Registry.normalized(domain: node.domain) == domain else {
        result.append(node)
        continue
      }
      if let step = try nextStep(for: node, at: version) {
        let isUp = version < target
        let reached = isUp ? step.version : step.version - 1
        var change = VersionChange(node, to: reached, in: scope)
        if isUp { try step.up(&change) } else { try step.down(&change) }
        for node in change.nodes.reversed() { waiting.append((node, reached)) }
        continue
      }
      while node.inputs.last == "" { node.inputs.removeLast() }
      // Before operator set 6, an attribute names inputs whose memory a node may reuse.
      if target >= 6, version < 6 {
        node.attributes.removeAll { $0.name == "consumed_inputs" }
      }
      result += try checked(node, scope)
    }
    return result
  }

  /// The next step from the node's version to the target; `nil` where there is none.
  private mutating func nextStep(
    for node: Node, at version: Int
  ) throws(OperatorError) -> VersionStep? {
    let name = node.operatorType
    if histories[name] == nil {
      guard let history = registry.history(of: name, domain: domain) else {
        throw .unknownOperator(name, domain: domain, version: version)
      }
      histories[name] = history
    }
    guard let (first, steps) = histories[name], version != target else { return nil }
    if version < target { return steps.first { $0.version > version && $0.version <= target } }
    guard target >= first || steps.contains(where: { $0.version == first }) else {
      throw .unsupported("\(name) came with operator set \(first)")
    }
    return steps.last { $0.version <= version && $0.version > target }
  }

  /// The node, checked against its operator in the target version, with wider types if it needs them.
  private func checked(
    _ node: Node, _ scope: ConversionScope
  ) throws(OperatorError) -> [Node] {
    guard let entry = registry.find(node.operatorType, domain: domain, operatorSet: target) else {
      throw .unknownOperator(node.operatorType, domain: domain, version: target)
    }
    if !node.attributes.contains(where: \.isReference) {
      _ = try registry.make(node, operatorSet: target)
    }
    guard let first = node.inputs.first, let type = scope.type(of: first)?.tensorType,
      type.elementType != .undefined, !entry.types.contains(type.elementType)
    else { return [node] }
    let wider = type.elementType.wider(for: entry.operator).first { wide in
      entry.types.contains(wide)
        && target >= max(type.elementType.castableSince, wide.castableSince)
    }
    if let wider, !node.hasGraph, node.operatorType != "Cast" {
      return widened(node, type.elementType, to: wider, scope)
    }
    throw .input(
      0, "expected one of \(entry.types) in operator set \(target), got \(type.elementType)")
  }

  /// The node with its inputs cast to a wider type, and its outputs cast back.
  private func widened(
    _ node: Node, _ narrow: ElementType, to wide: ElementType, _ scope: ConversionScope
  ) -> [Node] {
    var change = VersionChange(node, to: target, in: scope)
    change.widen(narrow, to: wide)
    return change.nodes
  }
}

extension Node {
  fileprivate var hasGraph: Bool {
    attributes.contains { if case .graph = $0.value { true } else { false } }
  }
}

extension Attribute {
  fileprivate var isReference: Bool { if case .reference = value { true } else { false } }
}
