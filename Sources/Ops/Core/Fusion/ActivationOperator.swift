import ONNXFormat

/// An operator that a fused one can apply to its result instead.
public protocol ActivationOperator: Operator {
  /// The function, where everything about it is constant.
  func activation(_ partner: FusionPartner) -> Activation?
}

/// A sum or a product, which an operator before it may take over: a convolution multiplies its
/// weights by the factors of a product by channel, and adds a sum to its bias.
public protocol AffineOperator: Operator {
  /// Whether operands are added or multiplied.
  var affineRole: AffineRole { get }
  /// Whether operands broadcast by NumPy's rule.
  var broadcastsByNumPy: Bool { get }
}

/// The part that an operator has in `factor · x + shift`.
public enum AffineRole: Sendable {
  /// The operands are added.
  case sum
  /// The operands are multiplied.
  case product
}
