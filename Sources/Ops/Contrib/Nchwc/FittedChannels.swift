import ONNXFormat
import ONNXOperators

/// An image `[N, C, …]` with other channels: the first `channels`, or all and zeros up to a multiple of
/// `multiple`. It is not copied if it has as many already.
struct FittedChannels: Operator {
  static let schema = Schema(
    "FittedChannels", domain: Registry.privateDomain, [1: .float32], inputs: 1...1)
  private let channels: Int?
  private let multiple: Int

  init(_ node: inout NodeReader) throws(OperatorError) {
    channels = try node.optionalInt("channels")
    multiple = try node.int("multiple", default: 1)
    guard channels ?? 1 > 0, (1...1024).contains(multiple) else {
      throw .attribute("channels", "expected a positive number")
    }
  }

  private func fitted(_ size: Int) -> Int {
    channels ?? (size == 0 ? 0 : .work((size - 1) / multiple + 1, multiple))
  }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let input = try inputs.tensor(0)
    guard var shape = input.shape else { return [.tensor(input.elementType, nil)] }
    guard shape.rank >= 2 else { throw .input(0, "expected rank 2 or higher, got shape \(shape)") }
    if let channels {
      shape[1] = Dimension(channels)
    } else if let size = shape[1].size {
      shape[1] = Dimension(fitted(size))
    } else {
      shape[1] = .unknown
    }
    return [.tensor(input.elementType, shape)]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    let sizes = try call.inputSizes(0)
    let target = fitted(sizes[1])
    if target == sizes[1] { return .view(of: 0) }
    let plane = try call.count(sizes.dropFirst(2))
    let (from, to) = (Int.work(sizes[1], plane), Int.work(target, plane))
    let kept = min(from, to)
    let tiles = Tiles(sizes[0], cost: to)
    let tile: Buffers.Tile = { buffers, task, _ in
      for sample in tiles[task] {
        let y = buffers.output(0, as: Float.self) + sample * to
        y.update(from: buffers.input(0, as: Float.self) + sample * from, count: kept)
        (y + kept).update(repeating: 0, count: to - kept)
      }
    }
    return .compute { buffers in buffers.parallel(tiles.count, tile) }
  }
}

extension FittedChannels: DifferentiableOperator {
  func differentiate(_ backward: inout Backward) throws(OperatorError) {
    guard backward.wants(0), let gradient = backward.gradient() else { return }
    guard let channels = try backward.shape(0)[1].size else {
      throw .input(0, "the gradient needs its number of channels, which is not known")
    }
    backward.set(
      0, backward.builder.privateNode("FittedChannels", [gradient], [.int("channels", channels)]))
  }
}
