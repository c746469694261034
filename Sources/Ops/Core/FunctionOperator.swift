import ONNXFormat

/// An operator that a graph of other operators defines, as ONNX defines functions.
///
/// A session replaces its nodes by those of the body, so that every pass and gradient applies to them.
/// `infer` and `prepare` have defaults that go through the body.
public protocol FunctionOperator: Operator {
  /// Whether the body depends on the types of the inputs. Its nodes are then replaced once the element
  /// types and ranks of all inputs are known, and otherwise evaluated as they are. The default is
  /// `false`.
  static var needsTypes: Bool { get }

  /// Adds the nodes of the body to `function.builder`, and sets its outputs with `function.set`.
  /// - Throws: `OperatorError` for attributes that contradict the inputs given
  func body(_ function: inout FunctionBuilder) throws(OperatorError)

  /// The types of the outputs where the body needs the types of the inputs and a rank is unknown. The
  /// default is tensors of the element type of the first input.
  func inferWithoutRanks(_ inputs: Inputs) throws(OperatorError) -> [ValueType]

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

  private let types: [ValueType?]

  fileprivate init(_ types: [ValueType?]) {
    self.types = types
    inputs = types.indices.map { types[$0] == nil ? "" : "input\($0)" }
    builder = GraphBuilder(taken: Set(inputs))
  }

  /// The number of inputs that the node names, including those left out in between.
  public var inputCount: Int { inputs.count }

  /// The shape of an input that is given; `nil` if its rank is unknown, which it never is for an
  /// initializer or an operator that needs types.
  public func shape(_ input: Int) -> Shape? {
    input < types.count ? types[input]?.tensorType?.shape : nil
  }

  /// The element type of an input; `nil` if it is unknown.
  public func elementType(_ input: Int) -> ElementType? {
    input < types.count ? types[input]?.tensorType?.elementType : nil
  }

  /// Whether an input is given.
  public func has(_ input: Int) -> Bool { input < inputs.count && !inputs[input].isEmpty }

  /// The name of an input; empty if it is left out.
  public func input(_ index: Int) -> String { has(index) ? inputs[index] : "" }

  /// Adds a node of `ai.onnx` with one output, and returns the name of the output.
  /// - Parameters:
  ///   - operatorType: the operator
  ///   - inputs: names of values; empty for an input that is left out
  ///   - attributes: the attributes of the node
  ///   - version: the operator set that the node follows
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
  /// `false`.
  public static var needsTypes: Bool { false }

  /// None.
  public static func settings(in graph: Graph) -> [Attribute] { [] }

  /// Tensors of the element type of the first input.
  public func inferWithoutRanks(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let type = try inputs.tensor(0).elementType
    return Array(repeating: .tensor(type, nil), count: Self.schema.outputs.upperBound)
  }

  /// The body as a function of the model, with an output for each that is set; `nil` if the body needs
  /// a type that is not known.
  /// - Parameter types: the type of each input, undefined for one that is not known; `nil` for an
  ///   input that is left out
  package func function(_ types: [ValueType?]) throws(OperatorError) -> Function? {
    if Self.needsTypes && !types.allSatisfy({ $0?.hasRank ?? true }) { return nil }
    var function = FunctionBuilder(types)
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
      Self.schema.name, domain: Self.schema.domain, inputs: types.indices.map { "input\($0)" },
      outputs: (0..<count).map { function.outputs[$0] ?? "" },
      nodes: constants + function.builder.nodes)
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

  /// The types that follow from the nodes of the body, for operators that infer more than these.
  package func inferBody(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    guard let function = try function(inputs.types) else { return try inferWithoutRanks(inputs) }
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
    guard let function = try function(call.inputs.types) else {
      throw .invalid("the ranks of the inputs are not known")
    }
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

extension ValueType {
  /// Whether this is a tensor of a known element type and rank.
  fileprivate var hasRank: Bool {
    guard let type = tensorType else { return false }
    return type.elementType != .undefined && type.shape != nil
  }
}

extension [Node] {
  /// The nodes and those of their graph attributes, at any depth.
  package var atAnyDepth: [Node] {
    var all: [Node] = []
    var waiting = [self]
    while let nodes = waiting.popLast() {
      for node in nodes {
        all.append(node)
        for attribute in node.attributes {
          switch attribute.value {
          case .graph(let graph): waiting.append(graph.nodes)
          case .graphs(let graphs): waiting += graphs.map(\.nodes)
          default: break
          }
        }
      }
    }
    return all
  }
}
