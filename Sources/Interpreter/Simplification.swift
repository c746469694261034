import ONNXFormat
import ONNXOperators

extension Model {
  /// The model with every call of its own functions replaced by the function's nodes. Each node
  /// remembers the operator set that its function imports.
  /// - Throws: `ModelError.graph` for functions that call themselves, or that would make more than
  ///   `maxNodes` nodes.
  public func withoutFunctions(
    maxNodes: Int = SessionOptions().maxNodes
  ) throws(ModelError) -> Model {
    var result = self
    result.graph = try expandFunctions(self, maxNodes: maxNodes)
    result.importDomainsOfFunctions()
    result.functions = []
    return result
  }

  /// Imports the domains that only functions import.
  package mutating func importDomainsOfFunctions() {
    guard !operatorSets.isEmpty else { return }
    var known = Set(operatorSets.map { Registry.normalized(domain: $0.domain) })
    let own = Set(functions.map { Registry.normalized(domain: $0.domain) })
    for entry in functions.flatMap(\.operatorSets) {
      let domain = Registry.normalized(domain: entry.domain)
      if !own.contains(domain), known.insert(domain).inserted { operatorSets.append(entry) }
    }
  }

  /// The model with everything computed that needs no run: nodes with constant inputs, and arithmetic
  /// on known shapes, become initializers.
  /// - Parameters:
  ///   - largest: the most bytes that a new tensor may take where it takes more than the tensors it is
  ///     computed from
  ///   - operators: operators that this package lacks, as in `SessionOptions.operators`
  /// - Throws: `ModelError` for an invalid model.
  public func withConstantsComputed(
    largest: Int = 1 << 20, operators: [any Operator.Type] = []
  ) throws(ModelError) -> Model {
    var options = SessionOptions()
    options.threads = 1
    options.operators = operators
    let engine = Engine(options)
    let operatorSets = try OperatorSets(operatorSets)
    let inputs = Set(graph.inputs.map(\.name))
    let replaceable =
      irVersion ?? 0 >= 4
      ? Set(graph.initializers.compactMap(\.name).filter { inputs.contains($0) }) : []
    var result = self
    ConstantFolding(keeping: replaceable, largest: largest).fold(
      &result.graph, operatorSets, engine)
    var checked = result.graph
    let given = Set(result.graph.initializers.compactMap(\.name)).subtracting(replaceable)
    checked.inputs.removeAll { given.contains($0.name) }
    checked.initializers.removeAll { replaceable.contains($0.name ?? "") }
    let program = try Program(checked, operatorSets: operatorSets, engine: engine)
    let inference = try Inference(
      program, inputs: program.inputTypes, engine: engine, lenient: false)
    var known: [String: Tensor] = [:]
    for (name, value) in zip(program.names, inference.constants) {
      if let tensor = value?.tensor, !tensor.isLong { known[name] = tensor }
    }
    var isGone = [Bool](repeating: false, count: result.graph.nodes.count)
    for (index, node) in result.graph.nodes.enumerated() where !node.hasSubgraph {
      let outputs = node.outputs.filter { !$0.isEmpty }
      let tensors = outputs.compactMap { known[$0] }
      guard !outputs.isEmpty, tensors.count == outputs.count else { continue }
      isGone[index] = true
      for (name, tensor) in zip(outputs, tensors) {
        result.graph.initializers.append(NamedTensor(name, tensor))
      }
    }
    result.graph.nodes = zip(result.graph.nodes, isGone).filter { !$0.1 }.map(\.0)
    if result.graph.initializers.contains(where: { !inputs.contains($0.name ?? "") }) {
      result.irVersion = max(result.irVersion ?? 4, 4)
    }
    return result
  }
}

extension Tensor {
  /// Whether the tensor is longer than those of shape arithmetic.
  fileprivate var isLong: Bool { count > 1 << 12 }
}
