import ONNXFormat

extension Node {
  /// The operator of the newest operator set that the node names. It states the facts that hold for
  /// every version of the operator. `nil` for calls of functions and unknown operators.
  package var facts: (any Operator.Type)? {
    Registry.standard.find(
      operatorType, domain: Registry.normalized(domain: domain), operatorSet: Int.max)?.operator
  }
}
