import ONNXFormat

/// An operator that can also do the work of the node that follows it, in the same pass over memory.
public protocol FusingOperator: Operator {
  /// The node that computes `next.node` followed by `next.next`; `nil` if the two cannot be fused.
  func fused(with next: FusionPartner) -> Fusion?
}

extension FusingOperator {
  /// The operator itself.
  public var asFusing: (any FusingOperator)? { self }
}

/// A node and the only node that uses its output.
public struct FusionPartner {
  /// The node that may take over the work of `next`.
  public let node: Node
  /// The node that follows.
  public let next: Node
  /// The operator of `next`.
  public let nextOperator: any Operator
  /// The input of `next` that is the output of `node`.
  public let position: Int
  /// The contents of the value with a name; `nil` unless it is constant.
  public let constant: (String) -> Tensor?
  /// Whether only `node` reads the constant with a name, so that its memory may be overwritten.
  public let owns: (String) -> Bool
  /// The type of the value with a name, as far as it is known for all sizes of the model's inputs.
  public let type: (String) -> ValueType?

  /// Two nodes, and functions that look up values by name.
  public init(
    node: Node, next: Node, nextOperator: any Operator, position: Int,
    constant: @escaping (String) -> Tensor?, owns: @escaping (String) -> Bool = { _ in false },
    type: @escaping (String) -> ValueType?
  ) {
    self.node = node
    self.next = next
    self.nextOperator = nextOperator
    self.position = position
    self.constant = constant
    self.owns = owns
    self.type = type
  }
}

/// A node that replaces two nodes, and the constants that it needs.
public struct Fusion {
  /// The node. Its outputs have the names of those of the second node that it replaces.
  public var node: Node
  /// New constants, which the node names as inputs.
  public var initializers: [NamedTensor]

  /// A replacement by a node.
  public init(_ node: Node, initializers: [NamedTensor] = []) {
    self.node = node
    self.initializers = initializers
  }
}
