import ONNXFormat
import ONNXInterpreter
import ONNXOperators

/// Reverse-mode differentiation: adds to a graph the nodes that compute gradients of its values.
///
/// One walk from the last node to the first asks each operator for the nodes of its gradient. Functions
/// are expanded first, and nodes sorted so that each stands behind those whose outputs it uses.
public struct Differentiation: Sendable {
  /// The graph; `gradients(of:by:)` adds the gradients to it.
  public private(set) var graph: Graph
  /// The names of values through which no gradient flows.
  public var stopped: Set<String> = []
  let operatorSets: OperatorSets
  let engine: Engine
  let types: [String: ValueType]
  let constants: [String: Tensor]

  /// Prepares a model's graph.
  /// - Parameters:
  ///   - model: the model, whose functions are expanded and graph attributes left as they are
  ///   - inputTypes: types of inputs, by name, that replace the declared ones
  ///   - options: the threads and limits
  /// - Throws: `ModelError` for an invalid model.
  public init(
    _ model: Model, inputTypes: [String: ValueType] = [:], options: SessionOptions = .init()
  ) throws(ModelError) {
    let engine = Engine(options)
    let graph = try expandFunctions(model, engine)
    try self.init(
      graph, operatorSets: OperatorSets(model.operatorSets), inputTypes: inputTypes, engine: engine)
  }

  init(
    _ graph: Graph, operatorSets: OperatorSets, inputTypes: [String: ValueType] = [:],
    engine: Engine
  ) throws(ModelError) {
    let program = try Program(graph, operatorSets: operatorSets, engine: engine)
    let declared = zip(program.inputs, program.inputTypes).map { number, type in
      inputTypes[program.names[Int(number)]] ?? type
    }
    let inference = try Inference(program, inputs: declared, engine: engine, lenient: true)
    types = inference.types(of: program)
    var constants: [String: Tensor] = [:]
    for (name, value) in zip(program.names, inference.constants) {
      if let tensor = value?.tensor { constants[name] = tensor }
    }
    self.constants = constants
    self.operatorSets = operatorSets
    self.engine = engine
    self.graph = graph
    self.graph.nodes = program.nodes.map { graph.nodes[$0.position] }
  }

  /// The type of a value, as far as it follows from the inputs' types; `nil` where nothing is known.
  public func type(of name: String) -> ValueType? { types[name] }

  /// Adds the nodes that compute the gradient of the sum of `y`'s elements with respect to each of
  /// `names`.
  /// - Returns: the gradients' names, by the names of the values; none for values that `y` does not
  ///   depend on.
  /// - Throws: `ModelError.node` for a node between them whose operator has no gradient.
  public mutating func gradients(
    of y: String, by names: [String]
  ) throws(ModelError) -> [String: String] {
    guard reached(from: names).contains(y) else { return [:] }
    var builder = GraphBuilder(taken: graph.allNames)
    let one = ones(like: y, &builder)
    return try gradients(from: [(y, one)], by: names, builder)
  }

  /// Adds the nodes that compute the gradient of Σᵢ Σ valueᵢ · gradientᵢ with respect to each of
  /// `names`.
  /// - Parameters:
  ///   - ends: values and their gradients
  ///   - builder: the nodes that compute those gradients
  mutating func gradients(
    from ends: [(value: String, gradient: String)], by names: [String], _ builder: GraphBuilder
  ) throws(ModelError) -> [String: String] {
    var builder = builder
    let needed = reached(from: names)
    var contributions: [String: [String]] = [:]
    for (value, gradient) in ends where needed.contains(value) {
      contributions[value, default: []].append(gradient)
    }
    var total: [String: String] = [:]
    for index in graph.nodes.indices.reversed() {
      let node = graph.nodes[index]
      let outputs = node.outputs.map { name -> String? in
        guard let parts = contributions.removeValue(forKey: name) else { return nil }
        let gradient = builder.sum(parts)
        total[name] = gradient
        return gradient
      }
      let wanted = node.inputs.map { needed.contains($0) && isReal($0) }
      guard outputs.contains(where: { $0 != nil }), node.usedNames.contains(where: needed.contains)
      else { continue }
      let label = node.label(at: index)
      let fail: (OperatorError) -> ModelError = {
        .node(name: label, operatorType: node.operatorType, $0)
      }
      let version = try operatorSets.version(for: node, fail)
      let made: any Operator
      do { made = try engine.registry.make(node, operatorSet: version).operator } catch {
        throw fail(error)
      }
      if made.takesOneBranch {
        let captures = Set(node.usedNames).subtracting(node.inputs)
          .filter { needed.contains($0) && isReal($0) }.sorted()
        guard !captures.isEmpty else { continue }
        let results = try differentiateBranches(
          of: node, outputs: outputs, by: captures, &builder)
        for (name, gradient) in zip(captures, results) {
          contributions[name, default: []].append(gradient)
        }
        continue
      }
      if let scan = made as? any ScanningOperator {
        let (forward, gradients) = try differentiateScan(
          node, scan.sliced, label: label, outputs: outputs, wanted: wanted,
          isWanted: { needed.contains($0) && isReal($0) }, &builder)
        graph.nodes[index] = forward
        for (name, gradient) in gradients { contributions[name, default: []].append(gradient) }
        continue
      }
      if made is any LoopingOperator {
        let (forward, gradients) = try differentiateLoop(
          node, label: label, outputs: outputs, wanted: wanted,
          isWanted: { needed.contains($0) && isReal($0) }, &builder)
        graph.nodes[index] = forward
        for (name, gradient) in gradients { contributions[name, default: []].append(gradient) }
        continue
      }
      var backward = Backward(
        node, operatorSet: version, builder: builder, gradients: outputs, wanted: wanted,
        type: { [types] in types[$0] }, contents: { [constants] in constants[$0] })
      do throws(OperatorError) {
        guard let made = made as? any DifferentiableOperator else {
          throw .unsupported("the operator has no gradient")
        }
        try made.differentiate(&backward)
      } catch { throw fail(error) }
      builder = backward.builder
      graph.nodes[index] = backward.forward
      for (input, gradient) in backward.results.sorted(by: { $0.key < $1.key })
      where wanted[input] {
        contributions[node.inputs[input], default: []].append(gradient)
      }
    }
    // The order of a dictionary differs from process to process, and ranks must make the same graph.
    for (name, parts) in contributions.sorted(by: { $0.key < $1.key }) {
      total[name] = builder.sum(parts)
    }
    graph.nodes += builder.nodes
    graph.initializers += builder.initializers
    return total.filter { names.contains($0.key) }
  }

  /// The values that depend on any of `names` and are or may be of floating point, by paths without
  /// values of `stopped`.
  func reached(from names: [String]) -> Set<String> {
    var reached = Set(names)
    for node in graph.nodes where node.usedNames.contains(where: reached.contains) {
      for output in node.outputs
      where !output.isEmpty && isReal(output) && !stopped.contains(output) {
        reached.insert(output)
      }
    }
    return reached
  }

  /// Whether the value is or may be of floating point.
  func isReal(_ name: String) -> Bool {
    guard let type = types[name] else { return true }
    guard let tensor = type.tensorType else { return true }
    return tensor.elementType.isReal
  }

  private func ones(like name: String, _ builder: inout GraphBuilder) -> String {
    let type = types[name]?.tensorType
    let one = builder.scalar(1, type?.elementType ?? .float32)
    if type?.shape?.rank == 0 { return one }
    return builder.node("Expand", [one, builder.shape(of: name)], hint: "\(name)_grad")
  }
}
