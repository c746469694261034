/// The algorithm of float32 convolutions.
public enum ConvolutionAlgorithm: Sendable, Hashable {
  /// The fastest one.
  case automatic
  /// Sums of products. Errors are near 3e-7 of the largest result.
  case exact
  /// Sums of products whose order depends on the kernel alone, so that an element of the result has the
  /// same bits in images of all sizes: what chunks of a sequence need to give the bits of the whole. Small
  /// images and few channels take longer than with `exact`.
  case sizeInvariant
  /// Winograd's F(size × size, 3 × 3) where it applies, otherwise `exact`. `size` is 2, 4 or 6; any
  /// other value means `exact`.
  case winograd(size: Int)
}
