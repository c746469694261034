import CKernels
import ONNXOperators

/// `c = saturate(round(((a − za) · sa + (b − zb) · sb) / sc + zc))`, broadcast, for 8-bit integers.
///
/// Halves are rounded to the even integer after the zero point is added, and the scales are divided
/// first, as onnxruntime does on processors with AVX2.
struct QLinearAdd: QuantizedPair {
  static let schema = pairSchema("QLinearAdd")
  static let function: @Sendable @convention(c) (UnsafePointer<ck_byte_pair>) -> Void =
    ck_byte_add

  init(_ node: inout NodeReader) throws(OperatorError) {}
}
