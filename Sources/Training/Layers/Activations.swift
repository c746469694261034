import ONNXFormat
import ONNXInterpreter

/// A layer without parameters that adds a single node with one input.
public protocol NodeLayer: Layer {
  /// The node's operator.
  static var operatorType: String { get }
  /// The node's attributes.
  var attributes: [Attribute] { get }
}

extension NodeLayer {
  /// No attributes.
  public var attributes: [Attribute] { [] }

  /// Adds the node.
  public func callAsFunction(
    _ x: Signal, in m: ModelBuilder
  ) throws(ModelError) -> Signal {
    try m.node(Self.operatorType, [x], attributes)
  }
}

/// `max(x, 0)`.
public struct Relu: NodeLayer {
  /// ONNX `Relu`.
  public static let operatorType = "Relu"
  /// Creates the activation.
  public init() {}
}

/// `x` for positive `x`, otherwise `alpha · x`.
public struct LeakyRelu: NodeLayer {
  /// ONNX `LeakyRelu`.
  public static let operatorType = "LeakyRelu"
  /// The slope for negative `x`.
  public var alpha: Float
  /// Creates the activation.
  public init(alpha: Float = 0.01) { self.alpha = alpha }
  /// `alpha`.
  public var attributes: [Attribute] { [.float("alpha", alpha)] }
}

/// `x` for positive `x`, otherwise `alpha · (eˣ − 1)`.
public struct Elu: NodeLayer {
  /// ONNX `Elu`.
  public static let operatorType = "Elu"
  /// The negative of the limit at −∞.
  public var alpha: Float
  /// Creates the activation.
  public init(alpha: Float = 1) { self.alpha = alpha }
  /// `alpha`.
  public var attributes: [Attribute] { [.float("alpha", alpha)] }
}

/// The self-normalizing `Elu` (Klambauer and others, 2017).
public struct Selu: NodeLayer {
  /// ONNX `Selu`.
  public static let operatorType = "Selu"
  /// Creates the activation.
  public init() {}
}

/// `x · Φ(x)`, where `Φ` is the cumulative distribution function of the standard normal distribution.
public struct Gelu: NodeLayer {
  /// ONNX `Gelu`.
  public static let operatorType = "Gelu"
  /// Whether `Φ` is approximated with tanh.
  public var isApproximate: Bool
  /// Creates the activation.
  public init(isApproximate: Bool = false) { self.isApproximate = isApproximate }
  /// `approximate`.
  public var attributes: [Attribute] {
    [.string("approximate", isApproximate ? "tanh" : "none")]
  }
}

/// `tanh x`.
public struct Tanh: NodeLayer {
  /// ONNX `Tanh`.
  public static let operatorType = "Tanh"
  /// Creates the activation.
  public init() {}
}

/// `1 / (1 + e⁻ˣ)`.
public struct Sigmoid: NodeLayer {
  /// ONNX `Sigmoid`.
  public static let operatorType = "Sigmoid"
  /// Creates the activation.
  public init() {}
}

/// `ln(1 + eˣ)`.
public struct Softplus: NodeLayer {
  /// ONNX `Softplus`.
  public static let operatorType = "Softplus"
  /// Creates the activation.
  public init() {}
}

/// `x · σ(x)`, also called swish.
public struct Silu: Layer {
  /// Creates the activation.
  public init() {}

  /// Adds a `Sigmoid` and a `Mul` node.
  public func callAsFunction(
    _ x: Signal, in m: ModelBuilder
  ) throws(ModelError) -> Signal {
    try m.multiply(x, Sigmoid()(x, in: m))
  }
}

/// `eˣ / Σ eˣ` along an axis.
public struct Softmax: NodeLayer {
  /// ONNX `Softmax`.
  public static let operatorType = "Softmax"
  /// The axis of the sum, counted from the end if negative.
  public var axis: Int
  /// Creates the activation.
  public init(axis: Int = -1) { self.axis = axis }
  /// `axis`.
  public var attributes: [Attribute] { [.int("axis", axis)] }
}

/// The logarithm of `Softmax`.
public struct LogSoftmax: NodeLayer {
  /// ONNX `LogSoftmax`.
  public static let operatorType = "LogSoftmax"
  /// The axis of the sum, counted from the end if negative.
  public var axis: Int
  /// Creates the activation.
  public init(axis: Int = -1) { self.axis = axis }
  /// `axis`.
  public var attributes: [Attribute] { [.int("axis", axis)] }
}

/// Flattens all axes but the first: `[N, …]` to a matrix.
public struct Flatten: NodeLayer {
  /// ONNX `Flatten`.
  public static let operatorType = "Flatten"
  /// Creates the layer.
  public init() {}
}

/// Reshapes all axes but the first: `[N, …]` to `[N] + shape`.
public struct Reshape: Layer {
  /// The sizes of each example. One may be −1; it follows from the number of elements.
  public var shape: [Int]
  /// Creates the layer.
  public init(_ shape: [Int]) { self.shape = shape }

  /// Adds a `Reshape` node.
  public func callAsFunction(
    _ x: Signal, in m: ModelBuilder
  ) throws(ModelError) -> Signal {
    try m.reshape(x, [0] + shape)
  }
}
