import ONNXFormat
import ONNXInterpreter

/// A fully connected layer from `[…, I]` to `[…, units]`: `y = x Wᵀ + b`.
///
/// If `x` is a matrix, the parameter `weight` has the shape `[units, I]` as in PyTorch, otherwise
/// `[I, units]`. `bias` has the shape `[units]`.
public struct Dense: Layer {
  /// The number of outputs.
  public var units: Int
  /// Whether the layer has a bias.
  public var hasBias: Bool
  /// The initializer of the weights.
  public var weight: Initializer
  /// The initializer of the bias.
  public var bias: Initializer

  /// Creates a fully connected layer.
  /// - Parameters:
  ///   - units: The number of outputs.
  ///   - hasBias: Whether the layer has a bias.
  ///   - weight: The initializer of the weights.
  ///   - bias: The initializer of the bias.
  public init(
    _ units: Int, hasBias: Bool = true, weight: Initializer = .fanIn, bias: Initializer = .fanIn
  ) {
    self.units = units
    self.hasBias = hasBias
    self.weight = weight
    self.bias = bias
  }

  /// Adds a `Gemm` node for a matrix, otherwise a `MatMul` and an `Add` node.
  public func callAsFunction(
    _ x: Signal, in m: ModelBuilder
  ) throws(ModelError) -> Signal {
    let size = try x.size(-1, for: "Dense")
    let fans = Fans(input: size, output: units)
    let isMatrix = x.rank == 2
    let W = try m.parameter(
      "weight", isMatrix ? [units, size] : [size, units], weight, fans: fans)
    let b = hasBias ? try m.parameter("bias", [units], bias, fans: fans) : nil
    if isMatrix { return try m.node("Gemm", [x, W, b], [.int("transB", 1)]) }
    let product = try m.node("MatMul", [x, W])
    guard let b else { return product }
    return try m.add(product, b)
  }
}
