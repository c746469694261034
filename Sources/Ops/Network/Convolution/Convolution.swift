import ONNXFormat
import ONNXOperators
import ONNXProducts

/// The attributes shared by all convolutions: windows and groups.
///
/// `X` is `[N, C, …]`, `W` is `[M, C / group, …]`, the result `[N, M, …]`.
struct Convolution: Sendable {
  let attributes: WindowAttributes
  let groups: Int

  init(_ node: inout NodeReader, autoPad: Bool = true) throws(OperatorError) {
    attributes = try WindowAttributes(&node, autoPad: autoPad)
    groups = try node.int("group", default: 1)
    guard groups > 0 else { throw .attribute("group", "expected 1 or more, got \(groups)") }
  }

  /// The shape of the result, as far as it is known from the shapes of `X` and `W`.
  ///
  /// - Parameters: the input indices of `X` and `W`.
  func infer(_ inputs: Inputs, x: Int = 0, w: Int = 1) throws(OperatorError) -> Shape? {
    let image = try inputs.tensor(x).shape
    let weights = try inputs.tensor(w).shape
    guard let rank = image?.rank ?? weights?.rank else { return nil }
    guard rank >= 3 else { throw .input(x, "expected rank 3 or higher, got rank \(rank)") }
    if let weights, weights.rank != rank {
      throw .input(w, "expected rank \(rank), the rank of input \(x), got shape \(weights)")
    }
    if let maps = weights?[0].size, maps % groups != 0 {
      throw .input(w, "\(maps) output channels are not divisible by group \(groups)")
    }
    if let channels = image?[1].size {
      guard channels % groups == 0 else {
        throw .input(x, "\(channels) channels are not divisible by group \(groups)")
      }
      if let own = weights?[1].size, own != channels / groups {
        throw .input(w, "expected \(channels / groups) channels, got \(own)")
      }
    }
    var shape = Shape(rank: rank)
    shape[0] = image?[0] ?? .unknown
    shape[1] = weights?[0] ?? .unknown
    let kernel = weights.map { $0.dropFirst(2).map(\.size) }
    if kernel != nil || attributes.kernel != nil {
      let spatial =
        image.map { Array($0.dropFirst(2)) } ?? Array(repeating: .unknown, count: rank - 2)
      let sizes = try attributes.outputs(spatial, kernel: kernel)
      for (axis, size) in sizes.enumerated() { shape[axis + 2] = size }
    }
    return shape
  }

  /// Checks that a bias has one element per output channel.
  func checkBias(_ inputs: Inputs, _ bias: Int, w: Int = 1) throws(OperatorError) {
    guard inputs.has(bias), let shape = try inputs.shape(bias, rank: 1) else { return }
    if let size = shape[0].size, let maps = try inputs.tensor(w).shape?.first?.size, size != maps {
      throw .input(bias, "expected \(maps) elements, one per output channel, got \(size)")
    }
  }

  /// The geometry for inputs of known sizes that `infer` has checked.
  func geometry(
    _ call: Preparation, x: Int = 0, w: Int = 1
  ) throws(OperatorError) -> ConvolutionGeometry {
    let image = try call.inputSizes(x)
    let weights = try call.inputSizes(w)
    let window = try attributes.window(
      Array(image.dropFirst(2)), kernel: Array(weights.dropFirst(2)))
    _ = try call.count([image[0], weights[0], window.outputCount])
    _ = try call.count([image[0], image[1], window.inputCount])
    _ = try call.count([weights[1], window.kernelCount])
    return ConvolutionGeometry(
      batch: image[0], groups: groups, channels: weights[1], maps: weights[0] / groups,
      window: window)
  }
}

/// The sizes of a convolution.
struct ConvolutionGeometry: Sendable {
  let batch: Int
  let groups: Int
  /// The number of input channels in a group.
  let channels: Int
  /// The number of output channels in a group.
  let maps: Int
  let window: Window

  /// The number of weights of an output channel.
  var depth: Int { channels * window.kernelCount }
  /// Whether the result has no elements.
  var isEmpty: Bool { batch == 0 || maps == 0 || window.outputCount == 0 }
  /// A short description of the sizes: `64 → 128 channels, 56×56`.
  var summary: String {
    let axes = [window.z, window.y, window.x].drop { $0.input == 1 && $0.output == 1 }
    let size = axes.map { "\($0.output)" }.joined(separator: "×")
    let groups = groups == 1 ? "" : ", \(groups) groups"
    return "\(self.groups * channels) → \(self.groups * maps) channels\(groups)"
      + (size.isEmpty ? "" : ", \(size)")
  }
}
