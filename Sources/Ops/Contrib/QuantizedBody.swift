import ONNXOperators

/// The standard nodes that bodies of quantised operators consist of.
extension FunctionBuilder {
  /// The real numbers of a quantised input: `(x − zero) · scale`.
  mutating func dequantized(_ x: Int, scale: Int, zero: Int) -> String {
    dequantized(input(x), scale: scale, zero: zero)
  }

  /// The real numbers of a quantised value that has the scale and zero point of these inputs.
  mutating func dequantized(_ x: String, scale: Int, zero: Int) -> String {
    node("DequantizeLinear", [x, input(scale), input(zero)])
  }

  /// A value quantised with the scale and zero point of these inputs, as the type of input `type` if the
  /// zero point is left out.
  mutating func quantized(_ x: String, scale: Int, zero: Int, like type: Int) -> String {
    node("QuantizeLinear", [x, input(scale), zeroPoint(zero, like: type)])
  }

  /// A value rounded and moved by a zero point, as the type of input `type` if that is left out.
  mutating func rounded(_ x: String, zero: Int, like type: Int) -> String {
    let one = builder.scalar(1, .float32)
    return node("QuantizeLinear", [x, one, zeroPoint(zero, like: type)])
  }

  private mutating func zeroPoint(_ zero: Int, like type: Int) -> String {
    has(zero) ? input(zero) : node("CastLike", [builder.scalar(0, .float32), input(type)])
  }

  /// A value quantised as `quantized` does, but rounded after the zero point is added: halves go to the
  /// even integer of the result.
  mutating func roundedLast(_ x: String, scale: Int, zero: Int, like type: Int) -> String {
    var y = builder.div(x, input(scale))
    if has(zero) { y = builder.add(y, builder.cast(input(zero), to: .float32)) }
    let none = node("CastLike", [builder.scalar(0, .float32), input(type)])
    return node("QuantizeLinear", [y, builder.scalar(1, .float32), none])
  }

  /// An input of one element as a tensor of shape `[1]`. It fails for more elements.
  mutating func single(_ index: Int) -> String {
    builder.reshape(input(index), to: builder.integers([1]))
  }

  /// `scale · Σ (a − za) · (b − zb) + bias` in float32 for two 8-bit matrices.
  mutating func scaledProduct(
    _ a: String, zeroA: String, _ b: Int, zeroB: Int, scale: String, bias: Int
  ) -> String {
    let sums = node("MatMulInteger", [a, input(b), zeroA, input(zeroB)])
    let product = builder.mul(builder.cast(sums, to: .float32), scale)
    return has(bias) ? builder.add(product, input(bias)) : product
  }
}
