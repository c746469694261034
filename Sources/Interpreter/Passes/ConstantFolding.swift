import ONNXFormat
import ONNXOperators

/// Runs every pure node whose inputs are all constant, and makes its outputs initializers. A node
/// that fails stays, so that the check or the run reports its error.
public struct ConstantFolding: Pass {
  /// `constantFolding`.
  public let name = "constantFolding"
  /// Initializers to be treated as variables.
  let kept: Set<String>
  /// The most bytes that results may take where they take more than their node's inputs.
  let largest: Int

  /// Whether integers stay integers: nodes that make real numbers of them are not folded.
  let keepsIntegers: Bool

  /// A pass that folds all it can.
  public init() { self.init(keeping: []) }

  package init(
    keeping kept: Set<String> = [], largest: Int = .max, keepsIntegers: Bool = false
  ) {
    self.kept = kept
    self.largest = largest
    self.keepsIntegers = keepsIntegers
  }

  /// Replaces nodes by initializers that hold their outputs.
  /// - Throws: `ModelError.deadline`
  public func apply(to model: inout Model, _ context: inout PassContext) throws(ModelError) {
    fold(&model.graph, context.operatorSets, context.engine) { context.note($0.operatorType) }
    try context.engine.checkTime()
  }

  /// Folds the constants of a graph.
  /// - Parameter report: called with each node that is folded
  package func fold(
    _ graph: inout Graph, _ operatorSets: OperatorSets, _ engine: Engine,
    report: (Node) -> Void = { _ in }
  ) {
    var constants: [String: Tensor] = [:]
    for initializer in graph.initializers {
      if let name = initializer.name, !kept.contains(name) { constants[name] = initializer.tensor }
    }
    let run = Run(engine, seed: 0)
    var nodes: [Node] = []
    for node in graph.nodes {
      guard let results = results(of: node, constants, operatorSets, run) else {
        nodes.append(node)
        continue
      }
      report(node)
      for (name, tensor) in results {
        constants[name] = tensor
        graph.initializers.append(NamedTensor(name, tensor))
      }
    }
    graph.nodes = nodes
  }

  private func results(
    of node: Node, _ constants: [String: Tensor], _ operatorSets: OperatorSets, _ run: Run
  ) -> [(String, Tensor)]? {
    guard !node.hasSubgraph, !Deadline.isPassed else { return nil }
    var inputs: [Value?] = []
    for name in node.inputs {
      guard name.isEmpty || constants[name] != nil else { return nil }
      inputs.append(constants[name].map(Value.tensor))
    }
    let fail: (OperatorError) -> ModelError = {
      .node(name: node.name ?? "", operatorType: node.operatorType, $0)
    }
    guard let version = try? operatorSets.version(for: node, fail),
      let operation = try? run.engine.registry.make(node, operatorSet: version),
      operation.operator.isPure,
      !keepsIntegers || operation.operator.quantizationNotation?.direction != .dequantizes,
      let values = try? operation.operator.evaluate(
        Call(inputs: inputs, pool: run.engine.pool, context: run),
        wanted: node.outputs.map { !$0.isEmpty }),
      // A kernel that ended early leaves outputs that mean nothing.
      !Deadline.isPassed
    else { return nil }
    let made = values.compactMap { $0?.tensor?.storage.byteCount }.reduce(0, +)
    let given = inputs.compactMap { $0?.tensor?.storage.byteCount }.reduce(0, +)
    guard made <= max(largest, given) else { return nil }
    var results: [(String, Tensor)] = []
    for (name, value) in zip(node.outputs, values) where !name.isEmpty {
      guard let tensor = value?.tensor else { return nil }
      results.append((name, tensor))
    }
    return results
  }
}

extension Pass where Self == ConstantFolding {
  /// Runs nodes whose inputs are all constant before the model runs.
  public static var constantFolding: ConstantFolding { ConstantFolding() }
}
