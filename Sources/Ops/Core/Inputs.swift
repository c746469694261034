import ONNXFormat

/// Types and, as far as known, contents of the inputs of a node.
public struct Inputs: Sendable {
  /// The type of each input; `nil` for an input that is left out.
  public let types: [ValueType?]
  /// The contents of each input; `nil` if unknown before the run. May be shorter than `types`.
  public let constants: [Value?]
  /// The graph attributes of the node, ready to run.
  public let subgraphs: [String: any SubgraphRunner]

  /// Inputs of these types.
  public init(
    types: [ValueType?], constants: [Value?] = [], subgraphs: [String: any SubgraphRunner] = [:]
  ) {
    self.types = types
    self.constants = constants
    self.subgraphs = subgraphs
  }

  /// The number of inputs that the node names, including those left out in between.
  public var count: Int { types.count }

  /// Whether the input is given.
  public func has(_ index: Int) -> Bool { index < types.count && types[index] != nil }

  /// The type of an input.
  /// - Throws: `OperatorError.input` if it is left out
  public func type(_ index: Int) throws(OperatorError) -> ValueType {
    guard index < types.count, let type = types[index] else {
      throw .input(index, "is missing")
    }
    return type
  }

  /// The type of an input that must be a tensor of one of these element types.
  /// - Throws: `OperatorError.input` for any other input
  public func tensor(_ index: Int, _ allowed: TypeSet = .all) throws(OperatorError) -> TensorType {
    let type = try type(index)
    guard case .tensor(let tensor) = type.kind else {
      throw .input(index, "expected a tensor, got \(type)")
    }
    guard allowed.contains(tensor.elementType) else {
      throw .input(index, "expected one of \(allowed), got \(tensor.elementType)")
    }
    return tensor
  }

  /// The type of an input that must be a tensor of the element type of input `other`.
  /// - Throws: `OperatorError.input` for any other input
  public func tensor(_ index: Int, sameTypeAs other: Int) throws(OperatorError) -> TensorType {
    let tensor = try tensor(index)
    let wanted = try self.tensor(other).elementType
    guard tensor.elementType == wanted else {
      throw .input(
        index, "expected the element type of input \(other), \(wanted), got \(tensor.elementType)")
    }
    return tensor
  }

  /// The shape of a tensor input that must have this rank; `nil` if unknown.
  /// - Throws: `OperatorError.input` for another rank
  public func shape(_ index: Int, rank: Int) throws(OperatorError) -> Shape? {
    guard let shape = try tensor(index).shape else { return nil }
    guard shape.rank == rank else {
      throw .input(index, "expected rank \(rank), got shape \(shape)")
    }
    return shape
  }

  /// The contents of a tensor input; `nil` if unknown before the run.
  public func constant(_ index: Int) -> Tensor? {
    guard index < constants.count, case .tensor(let tensor)? = constants[index] else { return nil }
    return tensor
  }

  /// The elements of an int32 or int64 input in row-major order; `nil` if unknown before the run.
  /// - Throws: `OperatorError.input` for an input of another type
  public func integers(_ index: Int) throws(OperatorError) -> [Int]? {
    _ = try tensor(index, [.int32, .int64])
    return constant(index)?.integers
  }

  /// The elements of an int32 or int64 input of rank 1; `nil` if unknown before the run.
  /// - Throws: `OperatorError.input` for an input of another type or rank
  package func vector(_ index: Int) throws(OperatorError) -> [Int]? {
    _ = try shape(index, rank: 1)
    return try integers(index)
  }

  /// The graph attribute with a name.
  /// - Throws: `OperatorError.attribute` if there is none
  public func subgraph(_ name: String) throws(OperatorError) -> any SubgraphRunner {
    guard let subgraph = subgraphs[name] else { throw .attribute(name, "is missing") }
    return subgraph
  }
}

extension Tensor {
  /// The elements of an int32 or int64 tensor as `Int`s; `nil` for other types.
  public var integers: [Int]? {
    switch elementType {
    case .int32: elements(as: Int32.self).map(Int.init)
    case .int64: elements(as: Int64.self).map(Int.init)
    default: nil
    }
  }
}

/// A runner of a graph attribute, such as a branch of `If` or the body of `Loop` or `Scan`.
public protocol SubgraphRunner: Sendable {
  /// The number of inputs of the graph.
  var inputCount: Int { get }
  /// The number of outputs of the graph.
  var outputCount: Int { get }
  /// The types of the outputs for inputs of these types, `nil` if unknown.
  func infer(_ inputs: [ValueType?]) throws(OperatorError) -> [ValueType]
  /// Runs the graph once.
  /// - Parameters:
  ///   - inputs: the values of the graph's inputs
  ///   - call: the call of the node that has the attribute
  func run(_ inputs: [Value], _ call: borrowing Call) throws(OperatorError) -> [Value]
}
