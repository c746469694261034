import ONNXFormat
import ONNXOperators

/// Replaces every call of a model-local function, and every node of a function operator, by the
/// function's nodes. A session always runs it.
struct FunctionInlining: Pass {
  let name = "functions"

  func apply(to model: inout Model, _ context: inout PassContext) throws(ModelError) {
    model.graph = try expandFunctions(model, context.engine)
    model.functions = []
  }
}

/// The model's graph with every call of a model-local function, and every node of a function operator,
/// replaced by the function's nodes. Function operators that need types they do not get are left.
/// - Throws: `ModelError.graph` for functions that call themselves, are nested too deep, or would
///   make more nodes than the options allow.
package func expandFunctions(_ model: Model, _ engine: Engine) throws(ModelError) -> Graph {
  var model = model
  let maxNodes = engine.options.maxNodes
  model.graph = try expandFunctions(model, operatorsIn: engine.registry, maxNodes: maxNodes)
  model.functions = []
  let names = engine.registry.functionNames
  guard model.graph.nodes.contains(where: { names.contains($0.operatorType) }),
    let operatorSets = try? OperatorSets(model.operatorSets),
    let program = try? Program(model.graph, operatorSets: operatorSets, engine: engine),
    let inference = try? Inference(
      program, inputs: program.inputTypes, engine: engine, lenient: true)
  else { return model.graph }
  return try expandFunctions(
    model, operatorsIn: engine.registry, types: inference.types(of: program), maxNodes: maxNodes)
}

/// The model's graph with every call of a model-local function replaced by the function's nodes.
/// - Parameter registry: operators whose nodes are replaced too if they are function operators; `nil`
///   leaves them as they are
/// - Parameter types: the types of values by name, for function operators that need them
/// - Throws: `ModelError.graph` for functions that call themselves, are nested too deep, or would
///   make more than `maxNodes` nodes.
package func expandFunctions(
  _ model: Model, operatorsIn registry: Registry? = nil, types: [String: ValueType] = [:],
  maxNodes: Int
) throws(ModelError) -> Graph {
  let names = registry?.functionNames ?? []
  guard
    !model.functions.isEmpty
      || model.graph.nodes.atAnyDepth.contains(where: { names.contains($0.operatorType) })
  else { return model.graph }
  var expansion = try FunctionExpansion(model.functions, maxNodes: maxNodes)
  if let registry {
    expansion.operators = (registry, try OperatorSets(model.operatorSets))
    expansion.types = types
    expansion.graph = model.graph
  }
  let size = expansion.size(of: model.graph.nodes)
  guard size <= maxNodes else {
    throw .graph(
      "with its functions expanded the model exceeds the limit of \(maxNodes) nodes")
  }
  return try expansion.expand(model.graph)
}

private struct FunctionExpansion {
  struct Key: Hashable {
    let domain: String
    let name: String
    let overload: String
  }

  private static let maxDepth = 200

  private let functions: [Key: Function]
  /// The operators whose nodes are replaced if they are function operators.
  var operators: (registry: Registry, sets: OperatorSets)?
  /// The types of values of the graph, by name.
  var types: [String: ValueType] = [:]
  /// The graph whose initializers and nodes the bodies of function operators may depend on.
  var graph = Graph(name: "")
  /// The types of its initializers, by name.
  private var initializers: [String: ValueType]?
  /// The attributes that the graph decides, by operator.
  private var settings: [ObjectIdentifier: [Attribute]] = [:]
  private var sizes: [Key: Int] = [:]
  private var calls = 0
  /// Bytes of lists and names that further calls may make.
  private var rest: Int
  private let limit: Int

  init(_ list: [Function], maxNodes: Int) throws(ModelError) {
    limit = (1 << 26) + 128 * min(max(maxNodes, 0), 1 << 40)
    rest = limit
    var functions: [Key: Function] = [:]
    for function in list {
      let key = Key(
        domain: Registry.normalized(domain: function.domain), name: function.name,
        overload: function.overload ?? "")
      guard functions.updateValue(function, forKey: key) == nil else {
        throw .graph("function '\(function.name)' is defined twice")
      }
    }
    self.functions = functions
    try measure()
  }

  private func key(_ node: Node) -> Key? {
    let key = Key(
      domain: Registry.normalized(domain: node.domain), name: node.operatorType,
      overload: node.overload ?? "")
    return functions[key] == nil ? nil : key
  }

  /// The number of nodes once all calls are expanded.
  func size(of nodes: [Node]) -> Int {
    var size = 0
    for node in nodes.atAnyDepth {
      let (sum, overflow) = size.addingReportingOverflow(key(node).flatMap { sizes[$0] } ?? 1)
      if overflow { return .max }
      size = sum
    }
    return size
  }

  /// Computes the sizes of all functions, callees before callers.
  private mutating func measure() throws(ModelError) {
    let callees = functions.mapValues { function in
      Array(Set(function.nodes.atAnyDepth.compactMap(key)))
    }
    var depths: [Key: Int] = [:]
    for start in functions.keys where sizes[start] == nil {
      var stack: [(key: Key, next: Int)] = [(start, 0)]
      var open: Set<Key> = [start]
      while let (current, next) = stack.last {
        let list = callees[current] ?? []
        if next < list.count {
          stack[stack.count - 1].next += 1
          let callee = list[next]
          guard !open.contains(callee) else {
            throw .graph("function '\(callee.name)' calls itself")
          }
          if sizes[callee] == nil {
            stack.append((callee, 0))
            open.insert(callee)
          }
        } else {
          stack.removeLast()
          open.remove(current)
          let depth = 1 + (list.compactMap { depths[$0] }.max() ?? 0)
          guard depth <= Self.maxDepth else {
            throw .graph("functions call each other more than \(Self.maxDepth) deep")
          }
          depths[current] = depth
          sizes[current] = size(of: functions[current]?.nodes ?? [])
        }
      }
    }
  }

  /// Takes bytes from those that calls may use.
  /// - Throws: `ModelError.graph` where fewer are left.
  private mutating func take(_ bytes: Int) throws(ModelError) {
    guard bytes <= rest else {
      throw .graph("the names of the expanded functions take more than \(limit) bytes")
    }
    rest -= bytes
  }

  mutating func expand(_ graph: Graph) throws(ModelError) -> Graph {
    var result = graph
    result.nodes = []
    for node in graph.nodes { try expand(node, into: &result.nodes) }
    return result
  }

  private mutating func expand(_ node: Node, into nodes: inout [Node]) throws(ModelError) {
    var node = node
    for index in node.attributes.indices {
      if case .graph(let graph) = node.attributes[index].value {
        node.attributes[index].value = .graph(try expand(graph))
      }
    }
    let label =
      node.name.flatMap { $0.isEmpty ? nil : $0 } ?? "\(node.operatorType)#\(calls + 1)"
    func fail(_ reason: OperatorError) -> ModelError {
      .node(name: label, operatorType: node.operatorType, reason)
    }
    let function: Function
    if let known = key(node).flatMap({ functions[$0] }) {
      function = known
    } else if let made = try operatorBody(node, fail) {
      function = made
      node.attributes = []
    } else {
      nodes.append(node)
      return
    }
    calls += 1
    guard node.inputs.count <= function.inputs.count else {
      throw fail(
        .invalid("the function takes \(function.inputs.count) inputs, got \(node.inputs.count)"))
    }
    guard node.outputs.count <= function.outputs.count else {
      throw fail(
        .invalid(
          "the function has \(function.outputs.count) outputs, got \(node.outputs.count)"))
    }
    var body = FunctionBody(prefix: "\(label)#\(calls)/")
    try take(
      FunctionBody.bytesEach
        * (function.inputs.count + function.outputs.count + function.operatorSets.count
          + function.attributes.count + function.attributeDefaults.count))
    for (index, name) in function.inputs.enumerated() {
      body.names[name] = index < node.inputs.count ? node.inputs[index] : ""
    }
    for entry in function.operatorSets {
      let domain = Registry.normalized(domain: entry.domain)
      let version = Int(clamping: entry.version)
      if let other = body.versions.updateValue(version, forKey: domain), other != version {
        throw fail(
          .invalid(
            "the function imports operator set '\(domain.isEmpty ? "ai.onnx" : domain)' twice, "
              + "with the versions \(other) and \(version)"))
      }
    }
    if let version = body.versions[""], version > Registry.newestVersion {
      throw fail(
        .invalid(
          "the function imports operator set version \(version); the newest supported is "
            + "\(Registry.newestVersion)"))
    }
    for attribute in function.attributeDefaults { body.attributes[attribute.name] = attribute }
    let allowed = Set(function.attributes + function.attributeDefaults.map(\.name))
    for attribute in node.attributes {
      guard allowed.contains(attribute.name) else {
        throw fail(.unknownAttribute(attribute.name))
      }
      body.attributes[attribute.name] = attribute
    }
    // An output that the caller leaves out gets a name of its own in `renamed`.
    var copies: [Node] = []
    for (name, output) in zip(function.outputs, node.outputs) where !output.isEmpty {
      if body.names[name] == nil {
        body.names[name] = output
      } else {
        // The output is also an input, or named twice.
        copies.append(Node("Identity", inputs: [body.names[name] ?? ""], outputs: [output]))
      }
    }
    for inner in function.nodes {
      try take(body.bytes(of: inner))
      try expand(body.renamed(inner), into: &nodes)
    }
    nodes += copies
  }

  /// The body of a node of a function operator; `nil` for any other node, and for one whose body needs
  /// types that are not known.
  private mutating func operatorBody(
    _ node: Node, _ fail: (OperatorError) -> ModelError
  ) throws(ModelError) -> Function? {
    let domain = Registry.normalized(domain: node.domain)
    guard let operators, operators.registry.functionNames.contains(node.operatorType),
      let version = try? operators.sets.version(for: node, fail),
      let found = operators.registry.find(
        node.operatorType, domain: domain, operatorSet: version),
      let type = found.operator as? any FunctionOperator.Type
    else { return nil }
    let added = settings[ObjectIdentifier(type)] ?? type.settings(in: graph)
    settings[ObjectIdentifier(type)] = added
    let constants =
      initializers
      ?? Dictionary(
        graph.initializers.map {
          ($0.name ?? "", .tensor($0.tensor.elementType, Shape($0.tensor.shape)))
        }, uniquingKeysWith: { first, _ in first })
    initializers = constants
    var node = node
    node.attributes += added
    do throws(OperatorError) {
      let made = try operators.registry.make(node, operatorSet: version).operator
      return try (made as? any FunctionOperator)?.function(
        node.inputs.map {
          $0.isEmpty ? nil : types[$0] ?? constants[$0] ?? ValueType(.undefined)
        })
    } catch { throw fail(error) }
  }
}
