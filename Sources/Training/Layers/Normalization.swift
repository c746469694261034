import ONNXFormat
import ONNXInterpreter

/// `y = (x − running_mean) / √(running_var + ε) · weight + bias` for each channel of `[N, C, …]`.
///
/// This is the form for inference; while a model is trained, mean and variance are those of the
/// batch, and the running ones follow them: `running · momentum + batch · (1 − momentum)`.
public struct BatchNorm: Layer {
  /// As the standard counts it: 0.9 is PyTorch's 0.1.
  public var momentum: Float
  public var epsilon: Float

  public init(momentum: Float = 0.9, epsilon: Float = 1e-5) {
    self.momentum = momentum
    self.epsilon = epsilon
  }

  public func callAsFunction(
    _ x: Signal, in m: inout ModelBuilder
  ) throws(ModelError) -> Signal {
    let channels = try x.size(1, for: "BatchNorm")
    let inputs = [
      x, try m.parameter("weight", [channels], .ones), try m.parameter("bias", [channels], .zeros),
      try m.parameter("running_mean", [channels], .zeros),
      try m.parameter("running_var", [channels], .ones),
    ]
    return try m.node(
      "BatchNormalization", inputs,
      [.float("epsilon", epsilon), .float("momentum", momentum)])
  }
}

/// `y = (x − mean) / √(variance + ε) · weight + bias` over the last axes of each example.
public struct LayerNorm: Layer {
  /// How many axes, from the last, a mean goes over.
  public var axes: Int
  public var epsilon: Float

  public init(axes: Int = 1, epsilon: Float = 1e-5) {
    self.axes = axes
    self.epsilon = epsilon
  }

  public func callAsFunction(
    _ x: Signal, in m: inout ModelBuilder
  ) throws(ModelError) -> Signal {
    guard axes > 0, axes < x.rank else {
      throw m.error("LayerNorm cannot go over \(axes) axes of \(x.shape)")
    }
    var sizes: [Int] = []
    for axis in -axes..<0 { sizes.append(try x.size(axis, for: "LayerNorm")) }
    return try m.node(
      "LayerNormalization",
      [x, m.parameter("weight", sizes, .ones), m.parameter("bias", sizes, .zeros)],
      [.int("axis", -axes), .float("epsilon", epsilon)])
  }
}

/// While a model is trained, each element is 0 with probability `ratio` and else divided by
/// `1 − ratio`; otherwise `y = x` (Srivastava and others, 2014).
public struct Dropout: Layer {
  public var ratio: Double
  public init(_ ratio: Double = 0.5) { self.ratio = ratio }

  public func callAsFunction(
    _ x: Signal, in m: inout ModelBuilder
  ) throws(ModelError) -> Signal {
    guard ratio >= 0, ratio < 1 else {
      throw m.error("expected a ratio from 0 to below 1 for Dropout, got \(ratio)")
    }
    return try m.node("Dropout", [x, m.scalar(ratio)])
  }
}
