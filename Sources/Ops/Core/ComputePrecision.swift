import CKernels

/// The precision of products and convolutions of float32 tensors with constant weights.
public enum ComputePrecision: String, Sendable, Hashable {
  /// Factors and sums are float32.
  case float32
  /// Factors are rounded to bfloat16 and sums are float32, on CPUs with AVX-512-BF16. Errors are near
  /// 4e-3 of the largest result. On other CPUs the same as `float32`.
  case bfloat16

  /// Whether this CPU computes in this precision. If not, `float32` takes its place.
  public var isSupported: Bool { self == .float32 || ck_has_bfloat16() != 0 }
}
