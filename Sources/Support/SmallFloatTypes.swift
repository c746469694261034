import ONNXFormat

extension ElementType {
  /// The Swift type of a floating-point format that the standard library lacks.
  package var smallFloat: (any SmallFloat.Type)? {
    switch self {
    case .bfloat16: BFloat16.self
    case .float8e4m3fn: Float8E4M3FN.self
    case .float8e4m3fnuz: Float8E4M3FNUZ.self
    case .float8e5m2: Float8E5M2.self
    case .float8e5m2fnuz: Float8E5M2FNUZ.self
    case .float8e8m0: Float8E8M0.self
    case .float4e2m1: Float4E2M1.self
    case .float6e2m3: Float6E2M3.self
    case .float6e3m2: Float6E3M2.self
    default: nil
    }
  }

  /// Whether the elements are real floating-point numbers.
  package var isFloatingPoint: Bool {
    [.float16, .float32, .float64].contains(self) || smallFloat != nil
  }
}
