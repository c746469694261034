import CKernels
import ONNXFormat
import ONNXOperators
import RealModule

/// `y = sin x`
struct Sin: DifferentiableElementwise, AttributeFreeOperator {
  static let schema = Schema("Sin", [7: .floats, 22: [.floats, .bfloat16]], inputs: 1...1)

  func apply<T: Real & BinaryFloatingPoint>(_ x: T) -> T { .sin(x) }
  static let derivativeSource = DerivativeSource.input
  func derivative<T: Real & BinaryFloatingPoint>(_ x: T, _ y: T) -> T { .cos(x) }
  var vectorised: UnaryLoop<Float, Float>? { ck_sin }
  var cost: Int { 12 }
}
