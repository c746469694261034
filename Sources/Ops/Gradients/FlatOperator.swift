/// An operator whose outputs no small change of an input changes: every gradient is zero.
protocol FlatOperator: DifferentiableOperator {}

extension FlatOperator {
  func differentiate(_ backward: inout Backward) throws(OperatorError) {}
}
