import CKernels
import ONNXFormat
import ONNXOperators
import RealModule

/// `y = 1 / x`
struct Reciprocal: DifferentiableElementwise, AttributeFreeOperator {
  static let schema = Schema(
    "Reciprocal", [1: .floats, 6: .floats, 13: [.floats, .bfloat16]],
    inputs: 1...1)

  func apply<T: Real & BinaryFloatingPoint>(_ x: T) -> T { 1 / x }
  static let derivativeSource = DerivativeSource.output
  func derivative<T: Real & BinaryFloatingPoint>(_ x: T, _ y: T) -> T { -(y * y) }
  var vectorised: UnaryLoop<Float, Float>? { ck_reciprocal }
}
