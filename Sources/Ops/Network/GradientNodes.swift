import ONNXOperators

extension Backward {
  /// Sets the gradient of an input to the result of a private operator that has the attributes and
  /// the version of the forward node.
  mutating func set(gradientOf input: Int, to operatorType: String, _ inputs: [String]) {
    set(
      input,
      builder.node(
        operatorType, inputs, forward.attributes, domain: Registry.privateDomain,
        operatorSet: operatorSet, hint: "\(self.input(input))_grad"))
  }

  /// Sets the gradients of inputs 0 to 2, an array with its scale and bias, to the results of a
  /// private operator. Its inputs are the gradient of the result and these three inputs.
  mutating func setScaledGradients(to operatorType: String) {
    guard let gradient = gradient() else { return }
    let inputs = [gradient] + (0...2).map(input)
    let hints = zip(["x", "scale", "bias"], (0...2).map(wants))
    let results = builder.nodes(
      operatorType, inputs, forward.attributes, outputs: hints.map { $1 ? "\($0)_grad" : "" },
      domain: Registry.privateDomain, operatorSet: operatorSet)
    for input in 0...2 where wants(input) { set(input, results[input]) }
  }
}
