/// An operator whose outputs no small change of an input changes: every gradient is zero.
public protocol FlatOperator: DifferentiableOperator {}

extension FlatOperator {
  public func differentiate(_ backward: inout Backward) throws(OperatorError) {}
}
