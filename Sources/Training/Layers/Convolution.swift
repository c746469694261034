import ONNXFormat
import ONNXInterpreter

/// A convolution of `[N, C, …]` to `[N, filters, …]` (the standard's `Conv`). The parameter `weight`
/// is `[filters, C / groups, kernel…]`, `bias` is `[filters]`.
public struct Convolution<Axes: SpatialAxes>: Layer {
  public var filters: Int
  public var kernel: PerAxis
  public var stride: PerAxis
  public var padding: Padding
  public var dilation: PerAxis
  public var groups: Int
  public var hasBias: Bool
  public var weight: Initializer
  public var bias: Initializer

  /// - Parameters:
  ///   - filters: the number of output channels
  ///   - kernel: the window's size
  ///   - groups: into how many parts the channels are divided that do not see each other
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

  public func callAsFunction(
    _ x: Signal, in m: inout ModelBuilder
  ) throws(ModelError) -> Signal {
    let what = "Conv\(Axes.count)D"
    try x.expect(rank: Axes.count + 2, "[N, C, …] with \(Axes.count) spatial axes", for: what)
    let channels = try x.size(1, for: what)
    guard groups > 0, channels % groups == 0, filters % groups == 0 else {
      throw m.error("\(what) of \(channels) channels to \(filters) cannot have \(groups) groups")
    }
    let sizes = try kernel.values(Axes.count, atLeast: 1, "the kernel of \(what)")
    let strides = try stride.values(Axes.count, atLeast: 1, "the stride of \(what)")
    let dilations = try dilation.values(Axes.count, atLeast: 1, "the dilation of \(what)")
    let shape = [filters, channels / groups] + sizes
    guard shape.elementCount != nil else { throw m.error("no weights have shape \(shape)") }
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

/// A convolution of `[N, C, L]`.
public typealias Conv1D = Convolution<OneAxis>
/// A convolution of `[N, C, H, W]`.
public typealias Conv2D = Convolution<TwoAxes>
/// A convolution of `[N, C, D, H, W]`.
public typealias Conv3D = Convolution<ThreeAxes>
