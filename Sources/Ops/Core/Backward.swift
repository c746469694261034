import ONNXFormat

/// An operator that says how a loss's gradient by its outputs becomes that by its inputs.
public protocol DifferentiableOperator: Operator {
  /// Adds the nodes of the gradient to `backward.builder` and names the gradient of each input that
  /// is wanted by `backward.set`. An input for which nothing is set has the gradient zero.
  /// - Throws: `OperatorError` where these attributes or types have no gradient here.
  func differentiate(_ backward: inout Backward) throws(OperatorError)
}

/// An operator that computes something else while a model is trained.
public protocol ModalOperator: Operator {
  /// The node that training runs in place of `node`, and values to carry from step to step.
  func trainingMode(
    _ node: Node, _ builder: inout GraphBuilder
  ) throws(OperatorError) -> TrainingMode
}

/// What a node is while a model is trained.
public struct TrainingMode: Sendable {
  public var node: Node
  /// For each initializer that a step changes, such as a running mean, the output that replaces it.
  public var updates: [(initializer: String, output: String)]
  public init(_ node: Node, updates: [(initializer: String, output: String)] = []) {
    self.node = node
    self.updates = updates
  }
}

/// A node that is being differentiated: what it computed, the gradients of its outputs, and where
/// those of its inputs go.
public struct Backward {
  /// The node of the forward pass. A rule may replace it by one that has the same outputs and more
  /// (`addOutput`, `replaceForward`), such as the places of a pool's maxima.
  public private(set) var forward: Node
  public var builder: GraphBuilder
  /// The version of its operator set by whose rules the node runs.
  public let operatorSet: Int
  /// The names of the gradients found, by input.
  public private(set) var results: [Int: String] = [:]
  private let gradients: [String?]
  private let wanted: [Bool]
  private let type: (String) -> ValueType?
  private let contents: (String) -> Tensor?

  /// - Parameters:
  ///   - gradients: the gradient of each output; `nil` for one that the loss does not depend on
  ///   - wanted: whether the gradient of each input is asked for
  ///   - type: what is known of the type of a value of the forward pass
  ///   - contents: the contents of a value, where known before the run
  public init(
    _ forward: Node, operatorSet: Int, builder: GraphBuilder, gradients: [String?], wanted: [Bool],
    type: @escaping (String) -> ValueType?, contents: @escaping (String) -> Tensor?
  ) {
    self.forward = forward
    self.operatorSet = operatorSet
    self.builder = builder
    self.gradients = gradients
    self.wanted = wanted
    self.type = type
    self.contents = contents
  }

  public var inputCount: Int { forward.inputs.count }
  public var outputCount: Int { forward.outputs.count }
  /// Whether the node has that input.
  public func has(_ input: Int) -> Bool {
    input < forward.inputs.count && !forward.inputs[input].isEmpty
  }
  /// The name of an input; empty where it is left out.
  public func input(_ index: Int) -> String { has(index) ? forward.inputs[index] : "" }
  /// The name of an output, which the forward pass gets if it has none.
  public mutating func output(_ index: Int) -> String {
    while forward.outputs.count <= index { forward.outputs.append("") }
    if forward.outputs[index].isEmpty {
      forward.outputs[index] = builder.unique("\(forward.outputs[0])_output\(index)")
    }
    return forward.outputs[index]
  }
  /// The gradient of an output; `nil` where the loss does not depend on it.
  public func gradient(_ output: Int = 0) -> String? {
    output < gradients.count ? gradients[output] : nil
  }
  /// Whether the gradient of an input is asked for.
  public func wants(_ input: Int) -> Bool { input < wanted.count && wanted[input] }

  /// States the gradient of an input: a value of the input's shape and type.
  public mutating func set(_ input: Int, _ gradient: String) { results[input] = gradient }

  /// States the gradient of an input that was broadcast: summed to the input's shape.
  public mutating func setSum(_ input: Int, _ gradient: String) {
    let name = self.input(input)
    let own = type(name)?.tensorType?.shape
    if let own, own.isCertain, let output = type(forward.outputs[0])?.tensorType?.shape,
      own == output
    {
      return set(input, gradient)
    }
    set(input, builder.privateNode("SumTo", [gradient, name], hint: "\(name)_grad"))
  }

  /// Runs another node forward, one that has all of this one's outputs under their names.
  public mutating func replaceForward(with node: Node) { forward = node }

  /// What is known of an input's tensor type.
  public func tensorType(_ input: Int) throws(OperatorError) -> TensorType {
    guard has(input) else { throw .input(input, "is missing") }
    guard let type = type(self.input(input))?.tensorType else {
      throw .input(input, "its type is not known, which its gradient needs")
    }
    return type
  }

  /// The element type of an input.
  public func elementType(_ input: Int = 0) throws(OperatorError) -> ElementType {
    try tensorType(input).elementType
  }

  /// The shape of an input, of which at least the rank is known.
  public func shape(_ input: Int) throws(OperatorError) -> Shape {
    guard let shape = try tensorType(input).shape else {
      throw .input(input, "its rank is not known, which its gradient needs")
    }
    return shape
  }

  /// The rank of an input.
  public func rank(_ input: Int) throws(OperatorError) -> Int { try shape(input).rank }

  /// The contents of an input, where known before the run.
  public func constant(_ input: Int) -> Tensor? { has(input) ? contents(self.input(input)) : nil }

  /// The contents of an int32 or int64 input.
  /// - Throws: `OperatorError` where they are not known before the run.
  public func integers(_ input: Int) throws(OperatorError) -> [Int] {
    guard let integers = constant(input)?.integers else {
      throw .input(input, "its contents are not known before the run, which the gradient needs")
    }
    return integers
  }

  /// A scalar of the element type of input 0.
  public mutating func scalar(_ value: Double) throws(OperatorError) -> String {
    builder.scalar(value, try elementType())
  }
}

extension Shape {
  /// Whether equal shapes of this kind mean equal sizes: every dimension is known or named.
  package var isCertain: Bool { dimensions.allSatisfy { $0 != .unknown } }
}
