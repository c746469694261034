import ONNXFormat
import ONNXInterpreter

/// `y = x Wᵀ + b` for each row of `x`, `[…, I]`; `y` is `[…, units]`.
///
/// The parameter `weight` is `[units, I]`, as PyTorch's, where `x` is a matrix (`Gemm`), else
/// `[I, units]` (`MatMul`).
public struct Dense: Layer {
  public var units: Int
  public var hasBias: Bool
  public var weight: Initializer
  public var bias: Initializer

  /// - Parameters:
  ///   - units: the number of outputs
  ///   - hasBias: whether there is a `b`
  ///   - weight: how `W` begins
  ///   - bias: how `b` begins
  public init(
    _ units: Int, hasBias: Bool = true, weight: Initializer = .fanIn, bias: Initializer = .fanIn
  ) {
    self.units = units
    self.hasBias = hasBias
    self.weight = weight
    self.bias = bias
  }

  public func callAsFunction(
    _ x: Signal, in m: inout ModelBuilder
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
