import ONNXFormat

/// What is known of a node's inputs before, or while, it runs.
public struct Inputs: Sendable {
  /// `nil` for an input that is left out.
  public let types: [ValueType?]
  /// Contents where they are known already.
  public let constants: [Value?]
  /// The node's graph attributes, ready to run.
  public let subgraphs: [String: any SubgraphRunner]

  public init(
    types: [ValueType?], constants: [Value?] = [], subgraphs: [String: any SubgraphRunner] = [:]
  ) {
    self.types = types
    self.constants = constants
    self.subgraphs = subgraphs
  }

  /// How many inputs the node names, left-out ones in between included.
  public var count: Int { types.count }

  /// Whether the input is given.
  public func has(_ index: Int) -> Bool { index < types.count && types[index] != nil }

  /// The type of an input.
  /// - Throws: `OperatorError.input` where it is left out.
  public func type(_ index: Int) throws(OperatorError) -> ValueType {
    guard index < types.count, let type = types[index] else {
      throw .input(index, "is missing")
    }
    return type
  }

  /// The type of an input that must be a tensor, of one of these element types.
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

  /// The type of a tensor input whose element type must be that of input `other`.
  public func tensor(_ index: Int, sameTypeAs other: Int) throws(OperatorError) -> TensorType {
    let tensor = try tensor(index)
    let wanted = try self.tensor(other).elementType
    guard tensor.elementType == wanted else {
      throw .input(
        index, "expected the element type of input \(other), \(wanted), got \(tensor.elementType)")
    }
    return tensor
  }

  /// The shape of a tensor input, checked to have that rank where known; `nil` where unknown.
  public func shape(_ index: Int, rank: Int) throws(OperatorError) -> Shape? {
    guard let shape = try tensor(index).shape else { return nil }
    guard shape.rank == rank else {
      throw .input(index, "expected rank \(rank), got shape \(shape)")
    }
    return shape
  }

  /// The contents of a tensor input, where known before the run.
  public func constant(_ index: Int) -> Tensor? {
    guard index < constants.count, case .tensor(let tensor)? = constants[index] else { return nil }
    return tensor
  }

  /// The contents of an integer tensor (int32, int64) as a flat list, where known before the run.
  /// - Throws: `OperatorError.input` where the input is no integer tensor.
  public func integers(_ index: Int) throws(OperatorError) -> [Int]? {
    _ = try tensor(index, [.int32, .int64])
    return constant(index)?.integers
  }

  /// The graph attribute of that name.
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

/// Runs a graph that is an attribute: a branch of `If`, a body of `Loop` or `Scan`.
public protocol SubgraphRunner: Sendable {
  var inputCount: Int { get }
  var outputCount: Int { get }
  /// Types of the outputs for inputs of these types; `nil` is an input of unknown type.
  func infer(_ inputs: [ValueType?]) throws(OperatorError) -> [ValueType]
  /// Runs the graph once. `call` is the call of the node whose attribute it is.
  func run(_ inputs: [Value], _ call: borrowing Call) throws(OperatorError) -> [Value]
}
