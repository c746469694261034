import ONNX
import ONNXOperators

extension Node {
  /// The layout of the node's weight, where it is a linear map or scales channels.
  var linearWeight: LinearWeight? { facts?.linearWeight(self) }

  /// Whether the node normalizes by means and variances that it is given.
  var isNormalization: Bool { facts?.parameters.contains { $0.role == .mean } == true }
}

extension LinearWeight {
  /// Whether the weight is a matrix.
  var isMatrix: Bool { sumAxis != nil }

  /// Whether the weight is a kernel whose first axis counts the inputs.
  var isTransposedKernel: Bool { !isMatrix && outputAxis == 1 }

  /// Whether the weight is a matrix `[outputs, inputs]`, as PyTorch's linear layers have it.
  var hasOutputRows: Bool { isMatrix && outputAxis == 0 }
}

extension Model {
  /// The initializers that a run cannot replace: since version 4 of the file format an initializer
  /// that is an input too is only a default.
  var fixedInitializers: [String: Tensor] {
    let replaceable = Set(irVersion ?? 0 >= 4 ? graph.inputs.map(\.name) : [])
    var constants: [String: Tensor] = [:]
    for initializer in graph.initializers {
      if let name = initializer.name, !replaceable.contains(name) {
        constants[name] = initializer.tensor
      }
    }
    return constants
  }
}

extension Node {
  /// The names that patterns for nodes may match: the node's own, its operator, and the PyTorch
  /// modules that an exporter notes.
  var patternNames: [String] {
    [name ?? "", operatorType] + (ModulePath.of(self).map(ModulePath.chain) ?? [])
  }
}

extension NamePatterns {
  /// Whether one of the patterns matches the node's name, its operator, or a module that it is in.
  func contains(_ node: Node) -> Bool {
    !texts.isEmpty && node.patternNames.contains(where: contains)
  }
}

extension Model {
  /// Refuses patterns that match nothing.
  /// - Throws: `ConversionError` for a pattern that matches no node: neither a name, an operator nor a
  ///   PyTorch module that an exporter notes. The error states the nearest.
  public func checkNodes(match patterns: NamePatterns) throws(ConversionError) {
    guard !patterns.texts.isEmpty else { return }
    var names: Set<String> = []
    var waiting = graph.nodes + functions.flatMap(\.nodes)
    if let plain = try? withoutFunctions() { waiting += plain.graph.nodes }
    while let node = waiting.popLast() {
      names.formUnion(node.patternNames)
      waiting += node.subgraphs.flatMap(\.nodes)
    }
    names.remove("")
    guard let pattern = patterns.unmatched(by: names).first else { return }
    throw ConversionError(
      "no node, operator or module matches \(pattern.quoted)\(hint(forPattern: pattern, names))")
  }
}
