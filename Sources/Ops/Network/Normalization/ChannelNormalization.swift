import ONNXFormat
import ONNXOperators
import ONNXProducts
import RealModule

/// Instance and group normalization: `y = (x − mean) / √(variance + ε) · scale + bias` within each
/// group of channels of each image.
struct ChannelNormalization: Sendable {
  let batch: Int
  let groups: Int
  /// The number of channels in a group.
  let channels: Int
  /// The number of elements in a channel.
  let plane: Int
  let epsilon: Double
  /// Whether scale and bias have one element per group rather than per channel.
  let isPerGroup: Bool

  func kernel(_ call: Preparation) throws(OperatorError) -> Kernel {
    switch try call.elementType(0) {
    case .float64: try kernel(call, Double.self)
    default: try kernel(call, Float.self)
    }
  }

  private func kernel<C: RowElement>(
    _ call: Preparation, _ type: C.Type
  ) throws(OperatorError) -> Kernel {
    let data: RealRows<C> = try call.rows(0)
    let parameters: RealRows<C> = try call.rows(1)
    let size = channels * plane
    let room = data.room(size)
    let this = self
    let tile: Buffers.Tile = { buffers, task, thread in
      let scratch = buffers.scratch.assumingMemoryBound(to: C.self) + thread * room
      let x = data.read(buffers.bytes(input: 0), at: task * size, size, room: scratch)
      let y = data.target(buffers.bytes(output: 0), at: task * size, room: scratch)
      let mean = C.sum(x, size) / C(size)
      let variance = C.squares(x, size, mean: mean) / C(size)
      let factor = 1 / (variance + C(this.epsilon)).squareRoot()
      let group = task % this.groups
      for channel in 0..<this.channels {
        let place = this.isPerGroup ? group : group * this.channels + channel
        var (scale, bias) = (C(0), C(0))
        let a = parameters.read(buffers.bytes(input: 1), at: place, 1, room: &scale)[0]
        let b = parameters.read(buffers.bytes(input: 2), at: place, 1, room: &bias)[0]
        let start = channel * this.plane
        C.affine(x + start, y + start, this.plane, mean: mean, factor: factor * a, shift: b)
      }
      data.store(y, buffers.bytes(output: 0), at: task * size, size)
    }
    let tasks = size == 0 ? 0 : batch * groups
    return .compute(scratch: .work(call.threads, room, MemoryLayout<C>.stride)) { buffers in
      buffers.parallel(tasks, tile)
    }
  }
}

/// Normalizes each channel of each image: `y = scale · (x − mean) / √(variance + ε) + B`.
struct InstanceNormalization: Operator {
  static let schema = Schema(
    "InstanceNormalization", [1: .floats, 6: .floats, 22: [.floats, .bfloat16]], inputs: 3...3)
  static var parameters: [ParameterInput] {
    [.init(1, .weight, isCertain: false), .init(2, .bias, isCertain: false)]
  }
  let epsilon: Float

  init(_ node: inout NodeReader) throws(OperatorError) {
    epsilon = try node.float("epsilon", default: 1e-5)
    if node.version == 1 { _ = try node.optionalInts("consumed_inputs") }
  }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    [.tensor(try inputs.normalizedImages(parameters: { $0 }))]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    try channelNormalization(try call.inputSizes(0)).kernel(call)
  }

  func channelNormalization(_ sizes: [Int]) throws(OperatorError) -> ChannelNormalization {
    guard let plane = sizes.dropFirst(2).elementCount else {
      throw .invalid("the element count of shape \(sizes) overflows")
    }
    return ChannelNormalization(
      batch: sizes[0], groups: sizes[1], channels: 1, plane: plane, epsilon: Double(epsilon),
      isPerGroup: false)
  }
}

extension Inputs {
  /// Checks images `[N, C, …]` with a scale and a bias, and returns the type of the result.
  ///
  /// - Parameter parameters: the number of elements of scale and bias for a number of channels
  func normalizedImages(
    parameters: (Int) throws(OperatorError) -> Int
  ) throws(OperatorError) -> TensorType {
    let input = try tensor(0)
    if let shape = input.shape, shape.rank < 2 {
      throw .input(0, "expected rank 2 or higher, got shape \(shape)")
    }
    var expected: Int?
    if let channels = input.shape?[1].size { expected = try parameters(channels) }
    for index in 1...2 {
      _ = try tensor(index, sameTypeAs: 0)
      guard let size = try shape(index, rank: 1)?[0].size, let expected, size != expected else {
        continue
      }
      throw .input(index, "expected \(expected) elements, got \(size)")
    }
    return input
  }
}
