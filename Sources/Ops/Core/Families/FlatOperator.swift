/// An operator whose outputs are piecewise constant, so that all its gradients are zero.
public protocol FlatOperator: DifferentiableOperator {}

extension FlatOperator {
  /// Adds nothing: all gradients are zero.
  public func differentiate(_ backward: inout Backward) throws(OperatorError) {}
}
