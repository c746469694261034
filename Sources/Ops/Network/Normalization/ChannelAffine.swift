import CKernels
import ONNXFormat
import ONNXOperators
import ONNXProducts

/// `y = activation(x · factors[c] + shifts[c])` for each channel `c` of float32 images `[N, C, …]`:
/// the fusion of a batch normalization, per-channel products and sums, and an activation.
struct ChannelAffine: Operator {
  static let schema = Schema("ChannelAffine", domain: "swift.onnx", [1: .float32], inputs: 3...3)
  let activation: Activation

  init(_ node: inout NodeReader) throws(OperatorError) {
    activation = try Activation(&node)
  }

  var overwritableInputs: [Int] { [0] }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let images = try inputs.tensor(0)
    if let shape = images.shape, shape.rank < 2 {
      throw .input(0, "expected rank 2 or higher, got shape \(shape)")
    }
    for index in 1...2 {
      _ = try inputs.tensor(index, sameTypeAs: 0)
      guard let size = try inputs.shape(index, rank: 1)?[0].size,
        let channels = images.shape?[1].size, size != channels
      else { continue }
      throw .input(index, "expected \(channels) elements, one per channel, got \(size)")
    }
    return [.tensor(images)]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    let sizes = try call.inputSizes(0)
    let (channels, activation) = (sizes[1], activation)
    let images = try call.count([sizes[0], channels])
    let plane = images == 0 ? 0 : try call.inputCount(0) / images
    let (low, high) = activation.bounds
    let tiles = Tiles(plane == 0 ? 0 : images, cost: plane)
    let tile: Buffers.Tile = { buffers, task, _ in
      let range = tiles[task]
      let start = range.lowerBound * plane
      let y = buffers.output(0, as: Float.self) + start
      ck_channel_affine(
        buffers.input(0) + start, y, range.count, plane, range.lowerBound % channels, channels,
        buffers.input(1), buffers.input(2), low, high)
      if !activation.isClamp {
        activation.apply(y, rows: range.count, columns: plane, stride: plane)
      }
    }
    return .compute { buffers in buffers.parallel(tiles.count, tile) }
  }
}

extension BatchNormalization: FusingOperator {
  func fused(with next: FusionPartner) -> Fusion? {
    guard next.node.outputs.count == 1,
      let (factors, shifts) = affine(next.node, next.constant)
    else { return nil }
    return ChannelAffineParts(factors: factors, shifts: shifts).fused(with: next)
  }
}

extension ChannelAffine: FusingOperator {
  func fused(with next: FusionPartner) -> Fusion? {
    guard activation == .none,
      let factors = try? next.constant(next.node.inputs[1])?.array(as: Float.self),
      let shifts = try? next.constant(next.node.inputs[2])?.array(as: Float.self)
    else { return nil }
    return ChannelAffineParts(factors: factors, shifts: shifts).fused(with: next)
  }
}

/// Per-channel factors and shifts of a node's input 0, while fusion absorbs the nodes that follow.
private struct ChannelAffineParts {
  var factors: [Float]
  var shifts: [Float]

  func fused(with next: FusionPartner) -> Fusion? {
    guard let type = next.type(next.node.inputs[0])?.tensorType, type.elementType == .float32,
      let rank = type.shape?.rank, rank > 2
    else { return nil }
    switch next.nextOperator {
    case let function as any ActivationOperator:
      return function.activation(next).map { fusion(next, $0) }
    case let step as any AffineOperator:
      guard let numbers = next.channelOperand(step, channels: factors.count, rank: rank) else {
        return nil
      }
      var result = self
      for (channel, number) in numbers.enumerated() {
        switch step.affineRole {
        case .sum: result.shifts[channel] += number
        case .product:
          result.factors[channel] *= number
          result.shifts[channel] *= number
        }
      }
      return result.fusion(next)
    default: return nil
    }
  }

  private func fusion(_ next: FusionPartner, _ activation: Activation = .none) -> Fusion {
    let output = next.next.outputs[0]
    let names = [output + " (factors)", output + " (shifts)"]
    return Fusion(
      Node(
        ChannelAffine.schema.name, domain: ChannelAffine.schema.domain, name: next.node.name,
        inputs: [next.node.inputs[0]] + names, outputs: [output],
        attributes: activation.attributes),
      initializers: [
        NamedTensor(names[0], Tensor(shape: [factors.count], factors)),
        NamedTensor(names[1], Tensor(shape: [shifts.count], shifts)),
      ])
  }
}

extension FusionPartner {
  /// The constant operand of the next node, a product or sum with the result of `node`: one element
  /// per channel of `[N, C, …]`.
  func channelOperand(
    _ step: any AffineOperator, channels: Int, rank: Int
  ) -> [Float]? {
    guard step.broadcastsByNumPy, next.inputs.count == 2,
      let tensor = constant(next.inputs[1 - position]), tensor.elementType == .float32,
      tensor.shape.count <= rank, let numbers = try? tensor.array(as: Float.self)
    else { return nil }
    let sizes = Array(repeating: 1, count: rank - tensor.shape.count) + tensor.shape
    let isByChannel = sizes.enumerated().allSatisfy { axis, size in
      size == 1 || axis == 1 && size == channels
    }
    guard isByChannel else { return nil }
    return numbers.count == 1 ? Array(repeating: numbers[0], count: channels) : numbers
  }
}
