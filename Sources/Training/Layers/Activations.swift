import ONNXFormat
import ONNXInterpreter

/// A layer that is one node of one input, without parameters.
public protocol NodeLayer: Layer {
  static var operatorType: String { get }
  var attributes: [Attribute] { get }
}

extension NodeLayer {
  public var attributes: [Attribute] { [] }

  public func callAsFunction(
    _ x: Signal, in m: inout ModelBuilder
  ) throws(ModelError) -> Signal {
    try m.node(Self.operatorType, [x], attributes)
  }
}

/// `max(x, 0)`.
public struct Relu: NodeLayer {
  public static let operatorType = "Relu"
  public init() {}
}

/// `x` where it is positive, `alpha · x` elsewhere.
public struct LeakyRelu: NodeLayer {
  public static let operatorType = "LeakyRelu"
  public var alpha: Float
  public init(alpha: Float = 0.01) { self.alpha = alpha }
  public var attributes: [Attribute] { [.float("alpha", alpha)] }
}

/// `x` where it is positive, `alpha · (eˣ − 1)` elsewhere.
public struct Elu: NodeLayer {
  public static let operatorType = "Elu"
  public var alpha: Float
  public init(alpha: Float = 1) { self.alpha = alpha }
  public var attributes: [Attribute] { [.float("alpha", alpha)] }
}

/// The self-normalizing `Elu` (Klambauer and others, 2017).
public struct Selu: NodeLayer {
  public static let operatorType = "Selu"
  public init() {}
}

/// `x · Φ(x)` with the normal distribution's `Φ`, or its approximation by tanh.
public struct Gelu: NodeLayer {
  public static let operatorType = "Gelu"
  public var isApproximate: Bool
  public init(isApproximate: Bool = false) { self.isApproximate = isApproximate }
  public var attributes: [Attribute] {
    [.string("approximate", isApproximate ? "tanh" : "none")]
  }
}

/// `tanh x`.
public struct Tanh: NodeLayer {
  public static let operatorType = "Tanh"
  public init() {}
}

/// `1 / (1 + e⁻ˣ)`.
public struct Sigmoid: NodeLayer {
  public static let operatorType = "Sigmoid"
  public init() {}
}

/// `ln(1 + eˣ)`.
public struct Softplus: NodeLayer {
  public static let operatorType = "Softplus"
  public init() {}
}

/// `x · σ(x)`, also called swish.
public struct Silu: Layer {
  public init() {}
  public func callAsFunction(
    _ x: Signal, in m: inout ModelBuilder
  ) throws(ModelError) -> Signal {
    try m.multiply(x, Sigmoid()(x, in: &m))
  }
}

/// `eˣ / Σ eˣ` along an axis.
public struct Softmax: NodeLayer {
  public static let operatorType = "Softmax"
  public var axis: Int
  public init(axis: Int = -1) { self.axis = axis }
  public var attributes: [Attribute] { [.int("axis", axis)] }
}

/// The logarithm of `Softmax`.
public struct LogSoftmax: NodeLayer {
  public static let operatorType = "LogSoftmax"
  public var axis: Int
  public init(axis: Int = -1) { self.axis = axis }
  public var attributes: [Attribute] { [.int("axis", axis)] }
}

/// `[N, …]` as a matrix `[N, all the rest]`.
public struct Flatten: NodeLayer {
  public static let operatorType = "Flatten"
  public init() {}
}

/// Each example's elements in another shape: `[N, …]` becomes `[N] + shape`. In `shape`, −1 stands
/// for what is left.
public struct Reshape: Layer {
  public var shape: [Int]
  public init(_ shape: [Int]) { self.shape = shape }

  public func callAsFunction(
    _ x: Signal, in m: inout ModelBuilder
  ) throws(ModelError) -> Signal {
    try m.reshape(x, [0] + shape)
  }
}
