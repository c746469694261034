import ONNXFormat
import ONNXOperators
import ONNXOps

/// Runs every pure node whose inputs are all constant, and puts its outputs among the initializers.
/// A node that cannot run stays, to say so in its turn.
/// - Parameters:
///   - kept: initializers that are to be taken for variables
///   - largest: bytes that results may take if they take more than what they are made of
func foldConstants(
  _ graph: inout Graph, _ operatorSets: OperatorSets, _ engine: Engine,
  keeping kept: Set<String> = [], largest: Int = .max
) {
  var constants: [String: Tensor] = [:]
  for initializer in graph.initializers {
    if let name = initializer.name, !kept.contains(name) { constants[name] = initializer.tensor }
  }
  let run = Run(engine, seed: 0)
  var nodes: [Node] = []
  for node in graph.nodes {
    guard let results = fold(node, constants, operatorSets, run, largest: largest) else {
      nodes.append(node)
      continue
    }
    for (name, tensor) in results {
      constants[name] = tensor
      graph.initializers.append(NamedTensor(name, tensor))
    }
  }
  graph.nodes = nodes
}

private func fold(
  _ node: Node, _ constants: [String: Tensor], _ operatorSets: OperatorSets, _ run: Run,
  largest: Int
) -> [(String, Tensor)]? {
  guard !node.hasSubgraph else { return nil }
  var inputs: [Value?] = []
  for name in node.inputs {
    guard name.isEmpty || constants[name] != nil else { return nil }
    inputs.append(constants[name].map(Value.tensor))
  }
  let fail: (OperatorError) -> ModelError = {
    .node(name: node.name ?? "", operatorType: node.operatorType, $0)
  }
  guard let version = try? operatorSets.version(for: node, fail),
    let operation = try? Registry.standard.make(node, operatorSet: version), operation.operator.isPure,
    let values = try? operation.operator.evaluate(
      Call(inputs: inputs, pool: run.engine.pool, context: run),
      wanted: node.outputs.map { !$0.isEmpty })
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
