import ONNXFormat
import ONNXInterpreter

/// A locally connected layer from `[N, C, …]` to `[N, filters, …]`: a convolution whose windows do not
/// share their weights (LeCun, "Generalization and network design strategies", 1989). For `P` windows of
/// `K` elements, the parameter `weight` has the shape `[P, C · K, filters]` as in Keras, `bias` that of
/// an example's output.
public struct LocallyConnected<Axes: SpatialAxes>: Layer {
  /// The number of output channels.
  public var filters: Int
  /// The size of the window.
  public var kernel: PerAxis
  /// The distance between windows.
  public var stride: PerAxis
  /// The zeros added around the input.
  public var padding: Padding
  /// Whether the layer has a bias.
  public var hasBias: Bool
  /// The initializer of the weights.
  public var weight: Initializer
  /// The initializer of the bias.
  public var bias: Initializer

  /// Creates a locally connected layer.
  public init(
    _ filters: Int, _ kernel: PerAxis, stride: PerAxis = 1, padding: Padding = 0,
    hasBias: Bool = true, weight: Initializer = .fanIn, bias: Initializer = .fanIn
  ) {
    self.filters = filters
    self.kernel = kernel
    self.stride = stride
    self.padding = padding
    self.hasBias = hasBias
    self.weight = weight
    self.bias = bias
  }

  /// Adds a `Gather` node, which collects the elements of each window, and a `MatMul` node for all
  /// windows.
  public func callAsFunction(
    _ x: Signal, in m: ModelBuilder
  ) throws(ModelError) -> Signal {
    let what = "LocallyConnected\(Axes.count)D"
    try x.expect(rank: Axes.count + 2, "[N, C, …] with \(Axes.count) spatial axes", for: what)
    let channels = try x.size(1, for: what)
    let sizes = try kernel.values(Axes.count, atLeast: 1, "the kernel of \(what)")
    let strides = try stride.values(Axes.count, atLeast: 1, "the stride of \(what)")
    let ones = Array(repeating: 1, count: Axes.count)
    let pads = try padding.pads(kernel: sizes, dilation: ones, what)
    var padded: [Int] = []
    var outputs: [Int] = []
    for axis in 0..<Axes.count {
      let size = try x.size(axis + 2, for: what) + pads[axis] + pads[Axes.count + axis]
      guard size >= sizes[axis] else {
        throw m.error("\(what): a window of \(sizes[axis]) does not fit into \(size) cells")
      }
      padded.append(size)
      outputs.append((size - sizes[axis]) / strides[axis] + 1)
    }
    let elements = [channels] + sizes
    guard filters > 0, let count = (outputs + elements).elementCount, count <= 1 << 28,
      let rows = outputs.elementCount, let columns = elements.elementCount
    else {
      throw m.error("\(what): expected at most 2²⁸ elements in \(outputs) windows of \(elements)")
    }
    var y = x
    if pads.contains(where: { $0 > 0 }) {
      let ends = [0, 0] + pads.prefix(Axes.count) + [0, 0] + pads.suffix(Axes.count)
      y = try m.node("Pad", [x, m.integers(ends, hint: "pads")])
    }
    let indices = Self.indices(
      outputs: outputs, strides: strides, elements: elements, input: [channels] + padded)
    y = try m.node(
      "Gather",
      [
        Flatten()(y, in: m),
        m.constant(Tensor(shape: [rows, columns], indices), hint: "windows"),
      ], [.int("axis", 1)])
    let fans = Fans(input: columns, output: filters * columns / channels)
    let W = try m.parameter("weight", [rows, columns, filters], weight, fans: fans)
    y = try m.node("MatMul", [m.transpose(y, [1, 0, 2]), W])
    y = try m.reshape(m.transpose(y, [1, 2, 0]), [0, filters] + outputs)
    guard hasBias else { return y }
    return try m.add(y, m.parameter("bias", [filters] + outputs, bias, fans: fans))
  }

  /// The places of each window's elements in an example of the shape `input`, row by row.
  private static func indices(
    outputs: [Int], strides: [Int], elements: [Int], input: [Int]
  ) -> [Int64] {
    /// The places of the elements of a block of the shape `sizes`, `steps` apart along each axis.
    func places(_ sizes: [Int], _ steps: [Int]) -> [Int64] {
      zip(sizes, steps).reduce([0]) { places, axis in
        places.flatMap { place in (0..<axis.0).map { place + Int64($0 * axis.1) } }
      }
    }
    let steps = input.indices.map { input[($0 + 1)...].reduce(1, *) }
    let inner = places(elements, steps)
    return places(outputs, zip(strides, steps.dropFirst()).map { $0 * $1 }).flatMap { start in
      inner.map { start + $0 }
    }
  }
}

/// A locally connected layer over `[N, C, L]`.
public typealias LocallyConnected1D = LocallyConnected<OneAxis>
/// A locally connected layer over `[N, C, H, W]`.
public typealias LocallyConnected2D = LocallyConnected<TwoAxes>
