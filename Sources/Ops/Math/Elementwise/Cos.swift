import CKernels
import ONNXFormat
import ONNXOperators
import RealModule

/// `y = cos x`
struct Cos: DifferentiableElementwise, AttributeFreeOperator {
  static let schema = Schema("Cos", [7: .floats, 22: [.floats, .bfloat16]], inputs: 1...1)

  func apply<T: Real & BinaryFloatingPoint>(_ x: T) -> T { .cos(x) }
  static let derivativeSource = DerivativeSource.input
  func derivative<T: Real & BinaryFloatingPoint>(_ x: T, _ y: T) -> T { -.sin(x) }
  var vectorised: UnaryLoop<Float, Float>? { ck_cos }
  var cost: Int { 12 }
}
