import ONNXFormat

/// An operator that a fused one can apply to its result instead.
protocol ActivationOperator: Operator {
  /// The function, where everything about it is constant.
  func activation(_ partner: FusionPartner) -> Activation?
}

extension Relu: ActivationOperator {
  func activation(_ partner: FusionPartner) -> Activation? { .relu }
}

extension Sigmoid: ActivationOperator {
  func activation(_ partner: FusionPartner) -> Activation? { .sigmoid }
}

extension Tanh: ActivationOperator {
  func activation(_ partner: FusionPartner) -> Activation? { .tanh }
}

extension LeakyRelu: ActivationOperator {
  func activation(_ partner: FusionPartner) -> Activation? { .leakyRelu(alpha) }
}

extension Clip: ActivationOperator {
  func activation(_ partner: FusionPartner) -> Activation? {
    var bounds = [low ?? -.infinity, high ?? .infinity]
    for (index, name) in partner.next.inputs.enumerated().dropFirst() where !name.isEmpty {
      guard let bound = partner.constant(name), let value = try? bound.array(as: Float.self).first
      else { return nil }
      bounds[index - 1] = value
    }
    // Beyond its bounds in the wrong order the operator has a rule of its own.
    guard partner.position == 0, bounds[0] <= bounds[1] else { return nil }
    return .clip(bounds[0], bounds[1])
  }
}
