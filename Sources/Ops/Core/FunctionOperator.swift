import ONNXFormat

/// An operator that a graph of other operators defines, as ONNX defines functions.
///
/// A session replaces its nodes by those of the body, so that every pass and gradient applies to them.
/// `infer` and `prepare` have defaults that go through the body.
public protocol FunctionOperator: Operator {
  /// Adds the nodes of the body to `function.builder`, and sets its outputs with `function.set`.
  /// - Throws: `OperatorError` for attributes that contradict the inputs given
  func body(_ function: inout FunctionBuilder) throws(OperatorError)

  /// Attributes that a graph as a whole decides, such as the block size of a layout. They are added to
  /// each node of the operator before its body is made. The default is none.
  static func settings(in graph: Graph) -> [Attribute]
}

/// The body of a function operator while its nodes are added.
public struct FunctionBuilder {
  /// The builder that the nodes of the body are added to.
  public var builder: GraphBuilder
  fileprivate let inputs: [String]
  fileprivate var outputs: [Int: String] = [:]
  private let shapes: [Shape?]

  fileprivate init(given: [Bool], shapes: [Shape?]) {
    self.shapes = shapes
    inputs = given.indices.map { given[$0] ? "input\($0)" : "" }
    builder = GraphBuilder(taken: Set(inputs))
  }

  /// Whether an input is given.
  public func has(_ input: Int) -> Bool { input < inputs.count && !inputs[input].isEmpty }

  /// The name of an input; empty if it is left out.
  public func input(_ index: Int) -> String { has(index) ? inputs[index] : "" }

  /// The shape of an input; `nil` if it is not known when the body is made. That of an initializer
  /// always is.
  public func shape(of input: Int) -> Shape? { input < shapes.count ? shapes[input] : nil }

  /// Adds a node of `ai.onnx` with one output, and returns the name of the output.
  /// - Parameter version: the operator set that the node follows
  public mutating func node(
    _ operatorType: String, _ inputs: [String], _ attributes: [Attribute] = [],
    version: Int = GraphBuilder.operatorSet
  ) -> String {
    builder.node(operatorType, inputs, attributes, operatorSet: version)
  }

  /// Sets the value of an output. Outputs that are never set cannot be named by a node.
  public mutating func set(_ output: Int, _ value: String) { outputs[output] = value }

  /// Adds a scalar constant of the element type of another value, and returns its name.
  public mutating func scalar(_ value: Double, like other: String) -> String {
    builder.node("CastLike", [builder.scalar(value, .float64), other])
  }
}

extension FunctionOperator {
  /// None.
  public static func settings(in graph: Graph) -> [Attribute] { [] }

  /// The body as a function of the model, with an output for each that is set.
  ///
  /// - Parameters:
  ///   - given: whether each input is given
  ///   - shapes: the known shapes of inputs
  package func function(
    given: [Bool], shapes: [Shape?] = []
  ) throws(OperatorError) -> Function {
    var function = FunctionBuilder(given: given, shapes: shapes)
    try body(&function)
    let constants = function.builder.initializers.map { entry in
      var node = Node(
        "Constant", inputs: [], outputs: [entry.name ?? ""],
        attributes: [.tensor("value", entry.tensor)])
      node.operatorSetVersion = GraphBuilder.operatorSet
      return node
    }
    let count = (function.outputs.keys.max() ?? -1) + 1
    return Function(
      Self.schema.name, domain: Self.schema.domain, inputs: given.indices.map { "input\($0)" },
      outputs: (0..<count).map { function.outputs[$0] ?? "" },
      nodes: constants + function.builder.nodes)
  }

  private func function(_ inputs: Inputs) throws(OperatorError) -> Function {
    try function(
      given: inputs.types.map { $0 != nil }, shapes: inputs.types.map { $0?.tensorType?.shape })
  }

  private func steps(
    _ function: Function
  ) throws(OperatorError) -> [(node: Node, operator: any Operator)] {
    var steps: [(Node, any Operator)] = []
    for node in function.nodes {
      let version = node.operatorSetVersion ?? GraphBuilder.operatorSet
      steps.append((node, try Registry.standard.make(node, operatorSet: version).operator))
    }
    return steps
  }

  /// The types that follow from the nodes of the body.
  public func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    try inferBody(inputs)
  }

  /// The types that follow from the nodes of the body.
  package func inferBody(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let function = try function(inputs)
    var types: [String: ValueType] = [:]
    var constants: [String: Value] = [:]
    for (index, name) in function.inputs.enumerated() {
      types[name] = inputs.types[index]
      constants[name] = index < inputs.constants.count ? inputs.constants[index] : nil
    }
    for (node, step) in try steps(function) {
      let inferred = try step.inferChecked(
        Inputs(
          types: node.inputs.map { types[$0] }, constants: node.inputs.map { constants[$0] }),
        outputs: node.outputs.count)
      for (name, type) in zip(node.outputs, inferred) where !name.isEmpty { types[name] = type }
      if node.operatorType == "Constant",
        case .tensor(let entry)? = node.attribute("value")?.value
      {
        constants[node.outputs[0]] = .tensor(entry.tensor)
      }
    }
    var results: [ValueType] = []
    for name in function.outputs {
      guard let type = types[name] else { break }
      results.append(type)
    }
    return results
  }

  /// A kernel that evaluates the nodes of the body one after the other.
  public func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    let function = try function(call.inputs)
    let steps = try steps(function)
    return .produce { call throws(OperatorError) in
      var values: [String: Value] = [:]
      for (name, value) in zip(function.inputs, call.inputs) { values[name] = value }
      for (node, step) in steps {
        let results = try step.evaluate(
          Call(
            inputs: node.inputs.map { values[$0] }, pool: call.pool, context: call.context),
          wanted: node.outputs.map { !$0.isEmpty })
        for (name, value) in zip(node.outputs, results) { values[name] = value }
      }
      return function.outputs.map { values[$0] }
    }
  }
}
