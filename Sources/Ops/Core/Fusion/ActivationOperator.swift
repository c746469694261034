import ONNXFormat

/// An operator that another one before it, such as a convolution, can apply to its own result.
public protocol ActivationOperator: Operator {
  /// The function that the node `partner.next` applies; `nil` unless all its parameters are constant.
  func activation(_ partner: FusionPartner) -> Activation?
}

/// A sum or a product that an operator before it may take over. For example, a convolution multiplies
/// its weights by the factors of each channel, and adds a sum to its bias.
public protocol AffineOperator: Operator {
  /// Whether operands are added or multiplied.
  var affineRole: AffineRole { get }
  /// Whether operands broadcast by NumPy's rule.
  var broadcastsByNumPy: Bool { get }
}

/// The part of an operator in `factor · x + shift`.
public enum AffineRole: Sendable {
  /// The operands are added.
  case sum
  /// The operands are multiplied.
  case product
}
