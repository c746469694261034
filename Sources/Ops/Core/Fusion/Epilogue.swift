import CKernels
import ONNXFormat
import RealModule

/// An activation function that an operator applies to its result because the node that computed it
/// was fused with it.
public enum Activation: Sendable, Hashable {
  /// No function.
  case none
  /// `max(x, 0)`.
  case relu
  /// `x` clamped to `low...high`.
  case clip(Float, Float)
  /// `alpha · x` where `x < 0`.
  case leakyRelu(Float)
  /// `1 / (1 + e⁻ˣ)`.
  case sigmoid
  /// `tanh x`.
  case tanh
  /// `½ x (1 + erf(x / √2))`, or its approximation by tanh.
  case gelu(isApproximate: Bool)
  /// `alpha · x + beta` clamped to `0...1`.
  case hardSigmoid(Float, Float)
  /// `x · max(0, min(1, x / 6 + ½))`.
  case hardSwish
  /// `x / (1 + e^(−alpha · x))`.
  case swish(Float)
  /// `alpha · (eˣ − 1)` where `x ≤ 0`.
  case elu(Float)
  /// `x · tanh(ln(1 + eˣ))`.
  case mish

  /// Reads the attributes `activation`, the name of an operator, and `activation_params`.
  /// - Throws: `OperatorError.attribute` for another function or number of parameters
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
    case ("Gelu", 0): self = .gelu(isApproximate: false)
    case ("GeluTanh", 0): self = .gelu(isApproximate: true)
    case ("HardSigmoid", 2): self = .hardSigmoid(parameters[0], parameters[1])
    case ("HardSwish", 0): self = .hardSwish
    case ("Swish", 1): self = .swish(parameters[0])
    case ("Elu", 1): self = .elu(parameters[0])
    case ("Mish", 0): self = .mish
    default:
      throw .attribute(
        "activation", "'\(name)' with \(parameters.count) parameters is not supported")
    }
  }

  /// The name of the function, which is that of its operator where one has no other function; `nil`
  /// for no function.
  public var name: String? {
    switch self {
    case .none: nil
    case .relu: "Relu"
    case .clip: "Clip"
    case .leakyRelu: "LeakyRelu"
    case .sigmoid: "Sigmoid"
    case .tanh: "Tanh"
    case .gelu(false): "Gelu"
    case .gelu(true): "GeluTanh"
    case .hardSigmoid: "HardSigmoid"
    case .hardSwish: "HardSwish"
    case .swish: "Swish"
    case .elu: "Elu"
    case .mish: "Mish"
    }
  }

  private var parameters: [Float] {
    switch self {
    case .clip(let low, let high): [low, high]
    case .hardSigmoid(let alpha, let beta): [alpha, beta]
    case .leakyRelu(let alpha), .swish(let alpha), .elu(let alpha): [alpha]
    default: []
    }
  }

  /// Notes in the plan that the kernel applies the function to its result.
  public func note(in call: Preparation) {
    if let name { call.note("fused with \(name)") }
  }

  /// The attributes that `init` reads.
  public var attributes: [Attribute] {
    guard let name else { return [] }
    let function = [Attribute.string("activation", name)]
    return parameters.isEmpty ? function : function + [.floats("activation_params", parameters)]
  }

  /// The function of one number.
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
    case .gelu(isApproximate: false): return x / 2 * T.erfc(-x * T.sqrt(0.5))
    case .gelu(isApproximate: true):
      let factor: T = .sqrt(2 / T.pi)
      let cube: T = x * x * x
      return x / 2 * (1 + T.tanh(factor * (x + 0.044715 * cube)))
    case .hardSigmoid(let alpha, let beta): return unit(T(alpha) * x + T(beta))
    case .hardSwish: return x * unit(x / 6 + 0.5)
    case .swish(let alpha): return x * (1 / (1 + T.exp(-T(alpha) * x)))
    case .elu(let alpha): return x > 0 ? x : T(alpha) * T.expMinusOne(x)
    case .mish: return x * T.tanh(T.log(onePlus: T.exp(x)))
    }
  }

  /// `y` clamped to `0...1`.
  @inlinable func unit<T: BinaryFloatingPoint>(_ y: T) -> T { y > 1 ? 1 : y < 0 ? 0 : y }

  /// Applies the function in place to a tile whose rows begin `stride` elements apart.
  package func apply<T: RealElement>(
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

  /// The bounds of the result of a function that only clamps; infinite for others.
  package var bounds: (low: Float, high: Float) {
    switch self {
    case .relu: (0, .infinity)
    case .clip(let low, let high): (low, high)
    default: (-.infinity, .infinity)
    }
  }

  /// Whether the function only clamps its result to `bounds`.
  package var isClamp: Bool {
    switch self {
    case .none, .relu, .clip: true
    default: false
    }
  }

  /// The function and its parameters for the C kernels.
  package var c: (function: ck_activation, a: Float, b: Float) {
    switch self {
    case .none: (CK_ACTIVATION_NONE, 0, 0)
    case .relu: (CK_ACTIVATION_RELU, 0, 0)
    case .clip(let low, let high): (CK_ACTIVATION_CLIP, low, high)
    case .leakyRelu(let alpha): (CK_ACTIVATION_LEAKY_RELU, alpha, 0)
    case .sigmoid: (CK_ACTIVATION_SIGMOID, 0, 0)
    case .tanh: (CK_ACTIVATION_TANH, 0, 0)
    case .gelu(false): (CK_ACTIVATION_GELU, 0, 0)
    case .gelu(true): (CK_ACTIVATION_GELU_TANH, 0, 0)
    case .hardSigmoid(let alpha, let beta): (CK_ACTIVATION_HARD_SIGMOID, alpha, beta)
    case .hardSwish: (CK_ACTIVATION_HARD_SWISH, 0, 0)
    case .swish(let alpha): (CK_ACTIVATION_SWISH, alpha, 0)
    case .elu(let alpha): (CK_ACTIVATION_ELU, alpha, 0)
    case .mish: (CK_ACTIVATION_MISH, 0, 0)
    }
  }
}

/// The last operations on a tile of a result, done while it is still in the cache:
/// `y = activation(y + bias[channel] + residual)`.
package struct Epilogue: Sendable {
  /// The input that holds one number for each output channel; `nil` for none.
  package var bias: Int?
  /// The input of the result's shape that is added; `nil` for none.
  package var residual: Int?
  /// The function that is applied last.
  package var activation: Activation

  package init(bias: Int? = nil, residual: Int? = nil, activation: Activation = .none) {
    self.bias = bias
    self.residual = residual
    self.activation = activation
  }

  /// Notes in the plan which operators the kernel was fused with.
  package func note(in call: Preparation) {
    if residual != nil { call.note("fused with Add") }
    activation.note(in: call)
  }

  /// The epilogue of a part of the result, for the C kernels.
  ///
  /// - Parameters:
  ///   - offset: the element of the result and of the residual at which the part begins
  ///   - channel: the first channel of the part
  ///   - starts: the numbers with which the sums of the part's columns begin
  package func c(
    _ buffers: Buffers, offset: Int, channel: Int, starts: UnsafePointer<Float>? = nil
  ) -> ck_epilogue {
    let (function, a, b) = activation.c
    let (low, high) = activation.bounds
    return ck_epilogue(
      bias: bias.map { buffers.input($0, as: Float.self) + channel }, starts: starts,
      residual: residual.map { buffers.input($0, as: Float.self) + offset }, function: function,
      a: a, b: b, low: low, high: high)
  }

  /// Applies the epilogue to `rows` channels from `channel` on.
  ///
  /// - Parameters:
  ///   - output: the first element of the result
  ///   - offset: the element of the result and of the residual at which the tile begins
  ///   - columns: the number of elements of the tile in each channel
  ///   - stride: the number of elements from one channel to the next
  package func finish(
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
