/// How convolutions of float32 are computed.
public enum ConvolutionAlgorithm: Sendable, Hashable {
  /// Whatever is fastest.
  case automatic
  /// As sums of products, however fast another way is: errors stay near 3e-7 of the largest result.
  case exact
  /// By Winograd's F(size × size, 3 × 3) wherever that is possible; `size` is 2, 4 or 6,
  /// any other is as `exact`.
  case winograd(size: Int)
}
