import ONNXFormat
import ONNXInterpreter

/// The window of a pooling layer.
struct PoolWindow: Sendable {
  var kernel: PerAxis
  var stride: PerAxis?
  var padding: Padding

  func attributes(
    _ x: Signal, axes: Int, _ what: String
  ) throws(ModelError) -> [Attribute] {
    try x.expect(rank: axes + 2, "[N, C, …] with \(axes) spatial axes", for: what)
    let sizes = try kernel.values(axes, atLeast: 1, "the kernel of \(what)")
    let strides = try (stride ?? kernel).values(axes, atLeast: 1, "the stride of \(what)")
    let ones = Array(repeating: 1, count: axes)
    return [
      .ints("kernel_shape", sizes), .ints("strides", strides),
      .ints("pads", try padding.pads(kernel: sizes, dilation: ones, what)),
    ]
  }
}

/// Max pooling of `[N, C, …]`: the largest element of each window.
public struct MaxPool<Axes: SpatialAxes>: Layer {
  let window: PoolWindow
  let roundsUp: Bool

  /// Creates a pool.
  /// - Parameters:
  ///   - kernel: The size of the window.
  ///   - stride: The distance between windows. The default is the size of the window.
  ///   - padding: The cells added around the input.
  ///   - roundsUp: Whether the output includes a last window that extends beyond the padded input.
  public init(
    _ kernel: PerAxis, stride: PerAxis? = nil, padding: Padding = 0, roundsUp: Bool = false
  ) {
    window = PoolWindow(kernel: kernel, stride: stride, padding: padding)
    self.roundsUp = roundsUp
  }

  /// Adds a `MaxPool` node.
  public func callAsFunction(
    _ x: Signal, in m: ModelBuilder
  ) throws(ModelError) -> Signal {
    let attributes = try window.attributes(x, axes: Axes.count, "MaxPool\(Axes.count)D")
    return try m.node(
      "MaxPool", [x], attributes + (roundsUp ? [.int("ceil_mode", 1)] : []))
  }
}

/// Average pooling of `[N, C, …]`: the mean of each window. As in PyTorch, padding counts as zeros.
public struct AveragePool<Axes: SpatialAxes>: Layer {
  let window: PoolWindow

  /// Creates a pool.
  /// - Parameters:
  ///   - kernel: The size of the window.
  ///   - stride: The distance between windows. The default is the size of the window.
  ///   - padding: The cells added around the input.
  public init(_ kernel: PerAxis, stride: PerAxis? = nil, padding: Padding = 0) {
    window = PoolWindow(kernel: kernel, stride: stride, padding: padding)
  }

  /// Adds an `AveragePool` node.
  public func callAsFunction(
    _ x: Signal, in m: ModelBuilder
  ) throws(ModelError) -> Signal {
    let attributes = try window.attributes(x, axes: Axes.count, "AveragePool\(Axes.count)D")
    return try m.node("AveragePool", [x], attributes + [.int("count_include_pad", 1)])
  }
}

/// Max pooling of `[N, C, L]`.
public typealias MaxPool1D = MaxPool<OneAxis>
/// Max pooling of `[N, C, H, W]`.
public typealias MaxPool2D = MaxPool<TwoAxes>
/// Max pooling of `[N, C, D, H, W]`.
public typealias MaxPool3D = MaxPool<ThreeAxes>
/// Average pooling of `[N, C, L]`.
public typealias AveragePool1D = AveragePool<OneAxis>
/// Average pooling of `[N, C, H, W]`.
public typealias AveragePool2D = AveragePool<TwoAxes>
/// Average pooling of `[N, C, D, H, W]`.
public typealias AveragePool3D = AveragePool<ThreeAxes>

/// The mean of each channel: `[N, C, …]` to `[N, C]`.
public struct GlobalAveragePool: Layer {
  /// Creates the layer.
  public init() {}

  /// Adds a `GlobalAveragePool` and a `Flatten` node.
  public func callAsFunction(
    _ x: Signal, in m: ModelBuilder
  ) throws(ModelError) -> Signal {
    try Flatten()(m.node("GlobalAveragePool", [x]), in: m)
  }
}

/// The largest element of each channel: `[N, C, …]` to `[N, C]`.
public struct GlobalMaxPool: Layer {
  /// Creates the layer.
  public init() {}

  /// Adds a `GlobalMaxPool` and a `Flatten` node.
  public func callAsFunction(
    _ x: Signal, in m: ModelBuilder
  ) throws(ModelError) -> Signal {
    try Flatten()(m.node("GlobalMaxPool", [x]), in: m)
  }
}
