import CKernels
import ONNXFormat
import RealModule

/// A function that a fused operator applies to its result.
public enum Activation: Sendable, Hashable {
  case none
  case relu
  /// To `low...high`.
  case clip(Float, Float)
  /// `alpha · x` where `x < 0`.
  case leakyRelu(Float)
  case sigmoid
  case tanh

  /// Attributes `activation` (an operator's name) and `activation_params`.
  public init(_ node: inout NodeReader) throws(OperatorError) {
    let name = try node.string("activation", default: "")
    let parameters = try node.optionalFloats("activation_params") ?? []
    switch (name, parameters.count) {
    case ("", 0): self = .none
    case ("Relu", 0): self = .relu
    case ("Clip", 2): self = .clip(parameters[0], parameters[1])
    case ("LeakyRelu", 1): self = .leakyRelu(parameters[0])
    case ("Sigmoid", 0): self = .sigmoid
    case ("Tanh", 0): self = .tanh
    default:
      throw .attribute("activation", "no '\(name)' with \(parameters.count) parameters")
    }
  }

  /// The operator's name; `nil` for none.
  public var name: String? {
    switch self {
    case .none: nil
    case .relu: "Relu"
    case .clip: "Clip"
    case .leakyRelu: "LeakyRelu"
    case .sigmoid: "Sigmoid"
    case .tanh: "Tanh"
    }
  }

  /// Notes that the kernel applies the function to its result.
  public func note(in call: Preparation) {
    if let name { call.note("fused with \(name)") }
  }

  /// The attributes that `init` reads.
  public var attributes: [Attribute] {
    switch self {
    case .none: []
    case .relu: [.string("activation", "Relu")]
    case .clip(let low, let high):
      [.string("activation", "Clip"), .floats("activation_params", [low, high])]
    case .leakyRelu(let alpha):
      [.string("activation", "LeakyRelu"), .floats("activation_params", [alpha])]
    case .sigmoid: [.string("activation", "Sigmoid")]
    case .tanh: [.string("activation", "Tanh")]
    }
  }

  @inlinable public func apply<T: Real & BinaryFloatingPoint>(_ x: T) -> T {
    switch self {
    case .none: return x
    case .relu: return x < 0 ? 0 : x
    case .clip(let low, let high):
      let raised = x < T(low) ? T(low) : x
      return raised > T(high) ? T(high) : raised
    case .leakyRelu(let alpha): return x < 0 ? T(alpha) * x : x
    case .sigmoid: return 1 / (1 + T.exp(-x))
    case .tanh: return T.tanh(x)
    }
  }

  /// Applies the function in place to a tile whose rows lie `stride` elements apart.
  public func apply<T: RealElement>(
    _ y: UnsafeMutablePointer<T>, rows: Int, columns: Int, stride: Int
  ) {
    if T.self == Float.self {
      let (function, a, b) = c
      let y = UnsafeMutableRawPointer(y).assumingMemoryBound(to: Float.self)
      return ck_finish_tile(y, rows, columns, stride, nil, nil, function, a, b)
    }
    for row in 0..<rows {
      for i in row * stride..<row * stride + columns { y[i] = T(compute: apply(y[i].compute)) }
    }
  }

  /// The bounds of the result, for a function that does nothing else.
  public var bounds: (low: Float, high: Float) {
    switch self {
    case .relu: (0, .infinity)
    case .clip(let low, let high): (low, high)
    default: (-.infinity, .infinity)
    }
  }

  /// Whether the function does no more than hold its result within `bounds`.
  public var isClamp: Bool {
    switch self {
    case .none, .relu, .clip: true
    case .leakyRelu, .sigmoid, .tanh: false
    }
  }

  /// The function and its parameters as the C kernels take them.
  public var c: (function: ck_activation, a: Float, b: Float) {
    switch self {
    case .none: (CK_ACTIVATION_NONE, 0, 0)
    case .relu: (CK_ACTIVATION_RELU, 0, 0)
    case .clip(let low, let high): (CK_ACTIVATION_CLIP, low, high)
    case .leakyRelu(let alpha): (CK_ACTIVATION_LEAKY_RELU, alpha, 0)
    case .sigmoid: (CK_ACTIVATION_SIGMOID, 0, 0)
    case .tanh: (CK_ACTIVATION_TANH, 0, 0)
    }
  }
}

/// What happens to a tile of a result while it is still in the cache:
/// `y = activation(y + bias[channel] + residual)`.
public struct Epilogue: Sendable {
  /// Input with one number for each output channel.
  public var bias: Int?
  /// Input of the result's shape.
  public var residual: Int?
  public var activation: Activation

  public init(bias: Int? = nil, residual: Int? = nil, activation: Activation = .none) {
    self.bias = bias
    self.residual = residual
    self.activation = activation
  }

  /// Notes the operators whose work the kernel does besides its own.
  public func note(in call: Preparation) {
    if residual != nil { call.note("fused with Add") }
    activation.note(in: call)
  }

  /// The same for the C kernels, for a part of the result.
  ///
  /// - Parameters:
  ///   - offset: where the part begins, in the result as in the residual
  ///   - channel: its first channel
  public func c(_ buffers: Buffers, offset: Int, channel: Int) -> ck_epilogue {
    let (function, a, b) = activation.c
    let (low, high) = activation.bounds
    return ck_epilogue(
      bias: bias.map { buffers.input($0, as: Float.self) + channel },
      residual: residual.map { buffers.input($0, as: Float.self) + offset }, function: function,
      a: a, b: b, low: low, high: high)
  }

  /// Finishes `rows` channels from `channel` on.
  ///
  /// - Parameters:
  ///   - output: the result's first element
  ///   - offset: where the tile begins, in the result as in the residual
  ///   - columns: elements of the tile in each channel
  ///   - stride: elements from one channel to the next
  public func finish(
    _ buffers: Buffers, _ output: UnsafeMutablePointer<Float>, offset: Int, channel: Int, rows: Int,
    columns: Int, stride: Int
  ) {
    let (function, a, b) = activation.c
    ck_finish_tile(
      output + offset, rows, columns, stride,
      bias.map { buffers.input($0, as: Float.self) + channel },
      residual.map { buffers.input($0, as: Float.self) + offset }, function, a, b)
  }
}
