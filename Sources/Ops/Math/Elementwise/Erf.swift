import CKernels
import ONNXFormat
import ONNXOperators
import RealModule

/// The error function. Version 9 also took integers, whose results are truncated.
struct Erf: IntegerElementwiseOperator, DifferentiableElementwise, AttributeFreeOperator {
  static let schema = Schema(
    "Erf", [9: [.floats, .integers], 13: [.floats, .bfloat16]],
    inputs: 1...1)

  func apply<T: Real & BinaryFloatingPoint>(_ x: T) -> T { .erf(x) }
  func apply<T: FixedWidthInteger>(integer x: T) -> T { T(Float.erf(Float(x))) }
  static let derivativeSource = DerivativeSource.input
  func derivative<T: Real & BinaryFloatingPoint>(_ x: T, _ y: T) -> T {
    2 * .exp(-(x * x)) / .sqrt(T.pi)
  }
  var vectorised: UnaryLoop<Float, Float>? { ck_erf }
  var cost: Int { 12 }
}
