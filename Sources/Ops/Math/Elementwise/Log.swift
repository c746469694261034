import CKernels
import ONNXFormat
import ONNXOperators
import RealModule

/// `y = ln x`, −∞ at 0 and NaN below 0.
struct Log: DifferentiableElementwise, AttributeFreeOperator {
  static let schema = Schema(
    "Log", [1: .floats, 6: .floats, 13: [.floats, .bfloat16]],
    inputs: 1...1)

  func apply<T: Real & BinaryFloatingPoint>(_ x: T) -> T { .log(x) }
  static let derivativeSource = DerivativeSource.input
  func derivative<T: Real & BinaryFloatingPoint>(_ x: T, _ y: T) -> T { 1 / x }
  var vectorised: UnaryLoop<Float, Float>? { ck_log }
  var cost: Int { 8 }
}
