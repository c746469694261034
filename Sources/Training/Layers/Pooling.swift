import ONNXFormat
import ONNXInterpreter

/// The window of a pool.
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

/// The largest element of each window.
public struct MaxPool<Axes: SpatialAxes>: Layer {
  let window: PoolWindow

  /// - Parameter stride: from window to window; by itself the kernel's size
  public init(_ kernel: PerAxis, stride: PerAxis? = nil, padding: Padding = 0) {
    window = PoolWindow(kernel: kernel, stride: stride, padding: padding)
  }

  public func callAsFunction(
    _ x: Signal, in m: inout ModelBuilder
  ) throws(ModelError) -> Signal {
    try m.node(
      "MaxPool", [x], try window.attributes(x, axes: Axes.count, "MaxPool\(Axes.count)D"))
  }
}

/// The mean of each window, padding counted as 0 as in PyTorch.
public struct AveragePool<Axes: SpatialAxes>: Layer {
  let window: PoolWindow

  /// - Parameter stride: from window to window; by itself the kernel's size
  public init(_ kernel: PerAxis, stride: PerAxis? = nil, padding: Padding = 0) {
    window = PoolWindow(kernel: kernel, stride: stride, padding: padding)
  }

  public func callAsFunction(
    _ x: Signal, in m: inout ModelBuilder
  ) throws(ModelError) -> Signal {
    let attributes = try window.attributes(x, axes: Axes.count, "AveragePool\(Axes.count)D")
    return try m.node("AveragePool", [x], attributes + [.int("count_include_pad", 1)])
  }
}

public typealias MaxPool1D = MaxPool<OneAxis>
public typealias MaxPool2D = MaxPool<TwoAxes>
public typealias MaxPool3D = MaxPool<ThreeAxes>
public typealias AveragePool1D = AveragePool<OneAxis>
public typealias AveragePool2D = AveragePool<TwoAxes>
public typealias AveragePool3D = AveragePool<ThreeAxes>

/// The mean of each channel: `[N, C, …]` becomes `[N, C]`.
public struct GlobalAveragePool: Layer {
  public init() {}

  public func callAsFunction(
    _ x: Signal, in m: inout ModelBuilder
  ) throws(ModelError) -> Signal {
    try Flatten()(m.node("GlobalAveragePool", [x]), in: &m)
  }
}

/// The largest element of each channel: `[N, C, …]` becomes `[N, C]`.
public struct GlobalMaxPool: Layer {
  public init() {}

  public func callAsFunction(
    _ x: Signal, in m: inout ModelBuilder
  ) throws(ModelError) -> Signal {
    try Flatten()(m.node("GlobalMaxPool", [x]), in: &m)
  }
}
