import ONNXFormat
import ONNXOperators
import ONNXProducts

extension Conv: FusingOperator {
  func fused(with next: FusionPartner) -> Fusion? {
    let parts = ConvParts(
      convolution: convolution, inputs: next.node.inputs,
      attributes: convolution.nodeAttributes(next.node))
    return parts.fused(with: next)
  }
}

extension FusedConv: FusingOperator {
  func fused(with next: FusionPartner) -> Fusion? {
    // Nodes after the activation cannot be folded into the weights.
    guard activation == .none else { return nil }
    let parts = ConvParts(
      convolution: convolution, inputs: next.node.inputs,
      attributes: convolution.nodeAttributes(next.node))
    return parts.fused(with: next)
  }
}

extension Convolution {
  /// The attributes of the `Conv` node, without those that fusion added.
  fileprivate func nodeAttributes(_ node: Node) -> [Attribute] {
    node.attributes.filter { !$0.name.hasPrefix("activation") }
  }
}

/// A convolution without an activation, while fusion absorbs the node that follows.
private struct ConvParts {
  let convolution: Convolution
  let inputs: [String]
  let attributes: [Attribute]

  private func input(_ index: Int) -> String { index < inputs.count ? inputs[index] : "" }

  func fused(with next: FusionPartner) -> Fusion? {
    switch next.nextOperator {
    case let function as any ActivationOperator:
      guard let activation = function.activation(next) else { return nil }
      return Fusion(node(next, activation: activation))
    case let normalization as BatchNormalization:
      guard next.position == 0, next.next.outputs.count == 1,
        let (factors, shifts) = normalization.affine(next.next, next.constant)
      else { return nil }
      return scaled(next, factors, shifts)
    case let step as any AffineOperator where next.next.inputs.count == 2:
      switch step.affineRole {
      case .sum: return shifted(next, step) ?? addition(next)
      case .product: return multiplied(next, step)
      }
    default: return nil
    }
  }

  private func multiplied(_ next: FusionPartner, _ product: any AffineOperator) -> Fusion? {
    guard let weights = next.constant(input(1)), let channels = weights.shape.first,
      let factors = next.channelOperand(product, channels: channels, rank: weights.shape.count)
    else { return nil }
    return scaled(next, factors, Array(repeating: 0, count: channels))
  }

  private func node(
    _ next: FusionPartner, weights: String? = nil, bias: String? = nil, residual: String? = nil,
    activation: Activation = .none
  ) -> Node {
    FusedConv.makeNode(
      x: input(0), weights: weights ?? input(1), bias: bias ?? input(2),
      residual: residual ?? input(3), output: next.next.outputs[0], attributes: attributes,
      activation: activation, name: next.node.name)
  }

  /// `(W·x + B) · factor + shift = (factor · W) · x + (factor · B + shift)` per output channel.
  private func scaled(_ next: FusionPartner, _ factors: [Float], _ shifts: [Float]) -> Fusion? {
    guard input(3).isEmpty, let weights = next.constant(input(1)),
      weights.elementType == .float32, weights.shape.first == factors.count, weights.count > 0
    else { return nil }
    guard let bias = bias(next, channels: factors.count) else { return nil }
    guard let scaled = next.owns(input(1)) ? weights : try? weights.copied() else { return nil }
    let row = weights.count / factors.count
    for (channel, factor) in factors.enumerated() {
      let elements = scaled.storage.floats + channel * row
      for i in 0..<row { elements[i] *= factor }
    }
    let sums = bias.indices.map { bias[$0] * factors[$0] + shifts[$0] }
    let names = (
      weights: next.next.outputs[0] + " (folded weights)",
      bias: next.next.outputs[0] + " (folded bias)"
    )
    return Fusion(
      node(next, weights: names.weights, bias: names.bias),
      initializers: [
        NamedTensor(names.weights, scaled),
        NamedTensor(names.bias, Tensor(shape: [sums.count], sums)),
      ])
  }

  /// The constant bias, or zeros if the node has no bias.
  private func bias(_ next: FusionPartner, channels: Int) -> [Float]? {
    if input(2).isEmpty { return Array(repeating: 0, count: channels) }
    let own = try? next.constant(input(2))?.array(as: Float.self)
    return own?.count == channels ? own : nil
  }

  /// `Conv(…) + shift` per output channel.
  private func shifted(_ next: FusionPartner, _ sum: any AffineOperator) -> Fusion? {
    guard let weights = next.constant(input(1)), weights.elementType == .float32,
      let channels = weights.shape.first,
      let shifts = next.channelOperand(sum, channels: channels, rank: weights.shape.count),
      let bias = bias(next, channels: channels)
    else { return nil }
    let name = next.next.outputs[0] + " (folded bias)"
    let sums = zip(bias, shifts).map { $0 + $1 }
    return Fusion(
      node(next, bias: name),
      initializers: [NamedTensor(name, Tensor(shape: [channels], sums))])
  }

  /// `Conv(…) + Z` for a `Z` of the result's shape.
  private func addition(_ next: FusionPartner) -> Fusion? {
    let other = next.next.inputs[1 - next.position]
    guard input(3).isEmpty, let type = next.type(next.node.outputs[0])?.tensorType,
      type == next.type(other)?.tensorType,
      let shape = type.shape, !shape.contains(.unknown)
    else { return nil }
    return Fusion(node(next, residual: other))
  }
}

extension BatchNormalization {
  /// `y = x · factor + shift` per channel, if statistics and parameters are constant floats.
  func affine(
    _ node: Node, _ constant: (String) -> Tensor?
  ) -> (factors: [Float], shifts: [Float])? {
    guard !isTraining, isSpatial else { return nil }
    var parameters: [[Float]] = []
    for name in node.inputs.dropFirst() {
      guard let values = try? constant(name)?.array(as: Float.self),
        values.count == parameters.first?.count ?? values.count
      else { return nil }
      parameters.append(values)
    }
    guard parameters.count == 4 else { return nil }
    let (scale, bias, mean, variance) = (parameters[0], parameters[1], parameters[2], parameters[3])
    let map = ChannelMap(
      normalizingBy: mean.map(Double.init), variance: variance.map(Double.init),
      scale: scale.map(Double.init), bias: bias.map(Double.init), epsilon: Double(epsilon))
    guard let factors = map?.factors.map(Float.init) else { return nil }
    let shifts = scale.indices.map { bias[$0] - mean[$0] * factors[$0] }
    return (factors, shifts)
  }
}
