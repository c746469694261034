/// The algorithm of float32 convolutions.
public enum ConvolutionAlgorithm: Sendable, Hashable {
  /// The fastest one.
  case automatic
  /// Sums of products. Errors are near 3e-7 of the largest result.
  case exact
  /// Winograd's F(size × size, 3 × 3) where it applies, otherwise `exact`. `size` is 2, 4 or 6; any
  /// other value means `exact`.
  case winograd(size: Int)
}
