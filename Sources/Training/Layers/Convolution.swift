import ONNXFormat
import ONNXInterpreter

/// A convolution from `[N, C, …]` to `[N, filters, …]`. The parameter `weight` has the shape
/// `[filters, C / groups, kernel…]`, `bias` the shape `[filters]`.
public struct Convolution<Axes: SpatialAxes>: Layer {
  /// The number of output channels.
  public var filters: Int
  /// The size of the window.
  public var kernel: PerAxis
  /// The distance between windows.
  public var stride: PerAxis
  /// The zeros added around the input.
  public var padding: Padding
  /// The distance between the elements of a window.
  public var dilation: PerAxis
  /// The number of groups that input and output channels are divided into. An output channel depends
  /// on the input channels of its group only.
  public var groups: Int
  /// Whether the layer has a bias.
  public var hasBias: Bool
  /// The initializer of the weights.
  public var weight: Initializer
  /// The initializer of the bias.
  public var bias: Initializer

  /// Creates a convolution.
  /// - Parameters:
  ///   - filters: The number of output channels.
  ///   - kernel: The size of the window.
  ///   - stride: The distance between windows.
  ///   - padding: The zeros added around the input.
  ///   - dilation: The distance between the elements of a window.
  ///   - groups: The number of groups of channels.
  public init(
    _ filters: Int, _ kernel: PerAxis, stride: PerAxis = 1, padding: Padding = 0,
    dilation: PerAxis = 1, groups: Int = 1, hasBias: Bool = true, weight: Initializer = .fanIn,
    bias: Initializer = .fanIn
  ) {
    self.filters = filters
    self.kernel = kernel
    self.stride = stride
    self.padding = padding
    self.dilation = dilation
    self.groups = groups
    self.hasBias = hasBias
    self.weight = weight
    self.bias = bias
  }

  /// Adds a `Conv` node.
  public func callAsFunction(
    _ x: Signal, in m: ModelBuilder
  ) throws(ModelError) -> Signal {
    let what = "Conv\(Axes.count)D"
    try x.expect(rank: Axes.count + 2, "[N, C, …] with \(Axes.count) spatial axes", for: what)
    let channels = try x.size(1, for: what)
    guard groups > 0, channels % groups == 0, filters % groups == 0 else {
      throw m.error(
        "\(what): the number of groups, \(groups), does not divide \(channels) input and "
          + "\(filters) output channels")
    }
    let sizes = try kernel.values(Axes.count, atLeast: 1, "the kernel of \(what)")
    let strides = try stride.values(Axes.count, atLeast: 1, "the stride of \(what)")
    let dilations = try dilation.values(Axes.count, atLeast: 1, "the dilation of \(what)")
    let shape = [filters, channels / groups] + sizes
    guard shape.elementCount != nil else {
      throw m.error("\(what): weights of shape \(shape) are too large")
    }
    let fans = Fans(shape)
    let W = try m.parameter("weight", shape, weight)
    let b = hasBias ? try m.parameter("bias", [filters], bias, fans: fans) : nil
    return try m.node(
      "Conv", [x, W, b],
      [
        .ints("kernel_shape", sizes), .ints("strides", strides), .ints("dilations", dilations),
        .ints("pads", try padding.pads(kernel: sizes, dilation: dilations, what)),
        .int("group", groups),
      ])
  }
}

/// A convolution over `[N, C, L]`.
public typealias Conv1D = Convolution<OneAxis>
/// A convolution over `[N, C, H, W]`.
public typealias Conv2D = Convolution<TwoAxes>
/// A convolution over `[N, C, D, H, W]`.
public typealias Conv3D = Convolution<ThreeAxes>
