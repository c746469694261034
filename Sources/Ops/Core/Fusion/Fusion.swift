import ONNXFormat

/// An operator that can do the work of the node behind it in the same pass over memory.
public protocol FusingOperator: Operator {
  /// The node that computes what this one and the next compute, or `nil` where there is none.
  func fused(with next: FusionPartner) -> Fusion?
}

extension FusingOperator {
  public var asFusing: (any FusingOperator)? { self }
}

/// A node and the only node that uses its output.
public struct FusionPartner {
  /// The node whose operator is asked.
  public let node: Node
  public let next: Node
  public let nextOperator: any Operator
  /// Which input of `next` is the output of `node`.
  public let position: Int
  /// Contents of a name, where they are constant.
  public let constant: (String) -> Tensor?
  /// Whether nobody but `node` will ever read the constant of that name, so that its memory may be
  /// written to.
  public let owns: (String) -> Bool
  /// What is known of a name's type whatever the model's free sizes are.
  public let type: (String) -> ValueType?

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

/// The node that replaces two, whose output is that of the second, and constants made for it.
public struct Fusion {
  public var node: Node
  public var initializers: [NamedTensor]
  public init(_ node: Node, initializers: [NamedTensor] = []) {
    self.node = node
    self.initializers = initializers
  }
}
