import CKernels
import ONNXFormat
import ONNXOperators
import RealModule

/// `y = eˣ`
struct Exp: DifferentiableElementwise, AttributeFreeOperator {
  static let schema = Schema(
    "Exp", [1: .floats, 6: .floats, 13: [.floats, .bfloat16]],
    inputs: 1...1)

  func apply<T: Real & BinaryFloatingPoint>(_ x: T) -> T { .exp(x) }
  static let derivativeSource = DerivativeSource.output
  func derivative<T: Real & BinaryFloatingPoint>(_ x: T, _ y: T) -> T { y }
  var vectorised: UnaryLoop<Float, Float>? { ck_exp }
  var cost: Int { 8 }
}
