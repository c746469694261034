import ONNXFormat

/// An operator with a gradient: it turns the gradients of a loss with respect to its outputs into those
/// with respect to its inputs.
public protocol DifferentiableOperator: Operator {
  /// Adds the nodes that compute the gradients to `backward.builder`, and sets the gradient of each
  /// wanted input with `backward.set`. The gradient of an input for which none is set is zero.
  /// - Throws: `OperatorError` if the gradient is not implemented for these attributes or types
  func differentiate(_ backward: inout Backward) throws(OperatorError)
}

/// An operator that computes something else during training, such as `Dropout`.
public protocol ModalOperator: Operator {
  /// The node that training runs instead of `node`, and the values to carry from step to step.
  func trainingMode(
    _ node: Node, _ builder: inout GraphBuilder
  ) throws(OperatorError) -> TrainingMode
}

/// The form of a node during training.
public struct TrainingMode: Sendable {
  /// The node that training runs.
  public var node: Node
  /// The initializers that a training step changes, such as a running mean, each with the output that
  /// replaces it.
  public var updates: [(initializer: String, output: String)]
  /// A node and the initializers that it updates.
  public init(_ node: Node, updates: [(initializer: String, output: String)] = []) {
    self.node = node
    self.updates = updates
  }
}

/// A node to differentiate, with the gradients of its outputs. `differentiate` sets those of its inputs.
///
/// Values are referred to by their names in the graph.
public struct Backward {
  /// The node of the forward pass. `output(_:)` and `replaceForward(with:)` may add outputs to it, such
  /// as the indices of the maxima of a pool.
  public private(set) var forward: Node
  /// The builder that the nodes of the gradient are added to.
  public var builder: GraphBuilder
  /// The operator set version that the node follows.
  public let operatorSet: Int
  /// The gradients set so far, by input.
  public private(set) var results: [Int: String] = [:]
  private let gradients: [String?]
  private let wanted: [Bool]
  private let type: (String) -> ValueType?
  private let contents: (String) -> Tensor?

  /// A node to differentiate.
  ///
  /// - Parameters:
  ///   - forward: the node
  ///   - operatorSet: the version of the node's domain
  ///   - builder: the graph that the nodes of the gradient are added to
  ///   - gradients: the gradient of each output; `nil` for an output that the loss does not depend on
  ///   - wanted: whether the gradient of each input is wanted
  ///   - type: the type of a value of the forward pass; `nil` if unknown
  ///   - contents: the contents of a value; `nil` if unknown before the run
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

  /// The number of inputs that the node names.
  public var inputCount: Int { forward.inputs.count }
  /// The number of outputs that the node names.
  public var outputCount: Int { forward.outputs.count }
  /// Whether an input is given.
  public func has(_ input: Int) -> Bool {
    input < forward.inputs.count && !forward.inputs[input].isEmpty
  }
  /// The name of an input; empty if it is left out.
  public func input(_ index: Int) -> String { has(index) ? forward.inputs[index] : "" }
  /// The name of an output. An output that was left out is added to the node.
  public mutating func output(_ index: Int) -> String {
    while forward.outputs.count <= index { forward.outputs.append("") }
    if forward.outputs[index].isEmpty {
      forward.outputs[index] = builder.unique("\(forward.outputs[0])_output\(index)")
    }
    return forward.outputs[index]
  }
  /// The gradient of an output; `nil` if the loss does not depend on it.
  public func gradient(_ output: Int = 0) -> String? {
    output < gradients.count ? gradients[output] : nil
  }
  /// Whether the gradient of an input is wanted.
  public func wants(_ input: Int) -> Bool { input < wanted.count && wanted[input] }

  /// Sets the gradient of an input, a value of the same shape and type.
  public mutating func set(_ input: Int, _ gradient: String) { results[input] = gradient }

  /// Sets the gradient of an input that was broadcast: `gradient`, which has the shape of output 0, is
  /// summed to the shape of the input.
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

  /// Replaces the node of the forward pass by one that has the same outputs, and may have more.
  public mutating func replaceForward(with node: Node) { forward = node }

  /// The type of a tensor input, as far as it is known.
  /// - Throws: `OperatorError.input` if it is left out or its type is unknown
  public func tensorType(_ input: Int) throws(OperatorError) -> TensorType {
    guard has(input) else { throw .input(input, "is missing") }
    guard let type = type(self.input(input))?.tensorType else {
      throw .input(input, "the gradient needs its type, which is not known")
    }
    return type
  }

  /// The element type of an input.
  public func elementType(_ input: Int = 0) throws(OperatorError) -> ElementType {
    try tensorType(input).elementType
  }

  /// The shape of an input; sizes may be unknown.
  /// - Throws: `OperatorError.input` if its rank is unknown
  public func shape(_ input: Int) throws(OperatorError) -> Shape {
    guard let shape = try tensorType(input).shape else {
      throw .input(input, "the gradient needs its rank, which is not known")
    }
    return shape
  }

  /// The rank of an input.
  public func rank(_ input: Int) throws(OperatorError) -> Int { try shape(input).rank }

  /// The contents of an input; `nil` if unknown before the run.
  public func constant(_ input: Int) -> Tensor? { has(input) ? contents(self.input(input)) : nil }

  /// The elements of an int32 or int64 input.
  /// - Throws: `OperatorError.input` if they are unknown before the run
  public func integers(_ input: Int) throws(OperatorError) -> [Int] {
    guard let integers = constant(input)?.integers else {
      throw .input(input, "the gradient needs its contents, which are not known before the run")
    }
    return integers
  }

  /// Adds a scalar constant of the element type of input 0, and returns its name.
  public mutating func scalar(_ value: Double) throws(OperatorError) -> String {
    builder.scalar(value, try elementType())
  }
}

extension Shape {
  /// Whether every dimension is a size or a symbol, so that equal shapes have equal sizes.
  package var isCertain: Bool { dimensions.allSatisfy { $0 != .unknown } }
}
