import ONNXFormat
import ONNXInterpreter

/// Batch normalization: `y = (x − running_mean) / √(running_var + ε) · weight + bias` for each channel of
/// `[N, C, …]`. All four parameters have the shape `[C]`.
///
/// In training mode, mean and variance are those of the batch, and the running statistics are updated:
/// `running · momentum + batch · (1 − momentum)`.
public struct BatchNorm: Layer {
  /// The weight of the old running statistics. PyTorch's momentum is 1 minus this.
  public var momentum: Float
  /// The constant `ε` added to the variance.
  public var epsilon: Float

  /// Creates a batch normalization.
  public init(momentum: Float = 0.9, epsilon: Float = 1e-5) {
    self.momentum = momentum
    self.epsilon = epsilon
  }

  /// Adds a `BatchNormalization` node.
  public func callAsFunction(
    _ x: Signal, in m: ModelBuilder
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

/// Layer normalization: `y = (x − mean) / √(variance + ε) · weight + bias` with mean and variance over
/// the last axes. Both parameters have the shape of these axes.
public struct LayerNorm: Layer {
  /// The number of last axes that are normalized together.
  public var axes: Int
  /// The constant `ε` added to the variance.
  public var epsilon: Float

  /// Creates a layer normalization.
  public init(axes: Int = 1, epsilon: Float = 1e-5) {
    self.axes = axes
    self.epsilon = epsilon
  }

  /// Adds a `LayerNormalization` node.
  public func callAsFunction(
    _ x: Signal, in m: ModelBuilder
  ) throws(ModelError) -> Signal {
    guard axes > 0, axes < x.rank else {
      throw m.error(
        "LayerNorm over \(axes) axes needs an input of more axes, and at least 1; got \(x.shape)")
    }
    var sizes: [Int] = []
    for axis in -axes..<0 { sizes.append(try x.size(axis, for: "LayerNorm")) }
    return try m.node(
      "LayerNormalization",
      [x, m.parameter("weight", sizes, .ones), m.parameter("bias", sizes, .zeros)],
      [.int("axis", -axes), .float("epsilon", epsilon)])
  }
}

/// Local response normalization across channels (Krizhevsky, Sutskever and Hinton, 2012):
/// `y = x / (bias + alpha / size · Σ x²)^beta`, where the sum is over the `size` channels around that of
/// `x`, `[N, C, …]`.
public struct LocalResponseNorm: Layer {
  /// The number of channels of the sum.
  public var size: Int
  /// The factor of the mean square.
  public var alpha: Float
  /// The exponent.
  public var beta: Float
  /// The constant added to the mean square.
  public var bias: Float

  /// Creates a local response normalization.
  public init(_ size: Int, alpha: Float = 1e-4, beta: Float = 0.75, bias: Float = 1) {
    self.size = size
    self.alpha = alpha
    self.beta = beta
    self.bias = bias
  }

  /// Adds an `LRN` node.
  public func callAsFunction(
    _ x: Signal, in m: ModelBuilder
  ) throws(ModelError) -> Signal {
    try m.node(
      "LRN", [x],
      [.int("size", size), .float("alpha", alpha), .float("beta", beta), .float("bias", bias)])
  }
}

/// Dropout (Srivastava and others, 2014). In training mode, each element is set to 0 with probability
/// `ratio` and otherwise divided by `1 − ratio`. In inference mode, `y = x`.
public struct Dropout: Layer {
  /// The probability that an element is set to 0, from 0 to less than 1.
  public var ratio: Double
  /// Creates a dropout layer.
  public init(_ ratio: Double = 0.5) { self.ratio = ratio }

  /// Adds a `Dropout` node in inference mode.
  public func callAsFunction(
    _ x: Signal, in m: ModelBuilder
  ) throws(ModelError) -> Signal {
    guard ratio >= 0, ratio < 1 else {
      throw m.error("Dropout expects a ratio of at least 0 and less than 1, got \(ratio)")
    }
    return try m.node("Dropout", [x, m.scalar(ratio)])
  }
}
