import ONNXFormat
import ONNXInterpreter
import ONNXOperators

/// The initializers of a graph that are trained.
struct ParameterChoice {
  /// Names of tensors of one element that are parameters.
  private let single: Set<String>
  private let moduleNames: [String: Set<String>]
  private let frozen: NamePatterns
  private let trained: NamePatterns
  private let statistics: Set<String>

  /// - Parameters:
  ///   - frozen: patterns for the names of initializers, or of PyTorch's parameters, that are not
  ///     trained
  ///   - trained: patterns for the only ones that are trained; empty for all that are not frozen
  ///   - producer: the tool that wrote the model
  /// - Throws: `TrainingError.model` for a pattern that matches nothing
  init(
    _ graph: Graph, frozen: [String], trained: [String], producer: String?
  ) throws(TrainingError) {
    moduleNames = graph.moduleNames
    self.frozen = NamePatterns(frozen)
    self.trained = NamePatterns(trained)
    statistics = Set(
      graph.parameterUses.filter { $0.role == .mean || $0.role == .variance }.map(\.name))
    single = Self.singleParameters(graph, namesScalars: producer == "pytorch")
    guard !frozen.isEmpty || !trained.isEmpty else { return }
    let own = graph.initializers.compactMap(\.name)
    let names = Set(own).union(moduleNames.values.joined())
    for (patterns, purpose) in [(self.frozen, "frozen"), (self.trained, "trained")] {
      if let pattern = patterns.unmatched(by: names).first {
        throw .model(
          "no initializer matches \(pattern.quoted), which is to be \(purpose)"
            + hint(forPattern: pattern, names))
      }
    }
  }

  func isFrozen(_ name: String) -> Bool {
    matches(frozen, name) || !trained.texts.isEmpty && !matches(trained, name)
  }

  private func matches(_ patterns: NamePatterns, _ name: String) -> Bool {
    patterns.contains(name) || moduleNames[name]?.contains(where: patterns.contains) == true
  }

  /// Whether a tensor is the running mean or variance of a normalization.
  func isStatistic(_ name: String) -> Bool { statistics.contains(name) }

  /// Whether a tensor looks like a parameter: floating point, and with more than one element or in the
  /// place of a parameter.
  func isWeight(_ name: String, _ tensor: Tensor) -> Bool {
    guard tensor.elementType == .float32 || tensor.elementType == .float64 else { return false }
    return tensor.count > 1 && !tensor.shape.isEmpty || single.contains(name)
  }

  /// Tensors of one element that are parameters rather than constants of a formula: the slope of a
  /// `PRelu`, the bias of a layer, and operands of sums and products whose names no tool has made up. In
  /// PyTorch's models, whose constants have made-up names, also those of other arithmetic.
  /// - Parameter namesScalars: whether scalars with names are parameters
  private static func singleParameters(_ graph: Graph, namesScalars: Bool) -> Set<String> {
    let tensors = Dictionary(
      graph.initializers.compactMap { initializer in
        initializer.name.map { ($0, initializer.tensor) }
      }, uniquingKeysWith: { first, _ in first })
    var layers: Set<String> = []
    for node in graph.nodes where node.facts?.linearWeight(node) != nil {
      layers.formUnion(node.outputs)
    }
    var found: Set<String> = []
    for use in graph.parameterUses where use.role != .mean && use.role != .variance {
      guard let tensor = tensors[use.name], tensor.count == 1 else { continue }
      let others = use.node.inputs.enumerated().filter { $0.offset != use.input }.map(\.element)
      let isBias = use.role == .bias && others.contains(where: layers.contains)
      if use.isCertain || isBias
        || isGiven(use.name) && !tensor.isEpsilon
          && (namesScalars || !tensor.shape.isEmpty || use.name.contains("."))
          && !others.allSatisfy({ tensors[$0] != nil })
      {
        found.insert(use.name)
      }
    }
    guard namesScalars else { return found }
    for node in graph.nodes where arithmetic.contains(node.operatorType) {
      for name in node.inputs where isGiven(name) {
        if let tensor = tensors[name], tensor.count == 1, !tensor.isEpsilon { found.insert(name) }
      }
    }
    return found
  }

  /// Operators that take learned numbers, such as a temperature or the logit of a share.
  private static let arithmetic: Set = [
    "Div", "Exp", "Expand", "Pow", "Sigmoid", "Softplus", "Sub", "Tanh",
  ]

  /// Whether a name looks like one that a person gave.
  private static func isGiven(_ name: String) -> Bool {
    !ModulePath.isMadeUp(name) && !name.contains("/") && !name.contains(":")
  }
}

extension Tensor {
  /// Whether the only element is positive and as small as what keeps a denominator from 0.
  fileprivate var isEpsilon: Bool {
    let number: Double =
      elementType == .float64
      ? elements(as: Double.self)[0]
      : elementType == .float32 ? Double(elements(as: Float.self)[0]) : 0
    return number > 0 && number <= 1e-3
  }
}
