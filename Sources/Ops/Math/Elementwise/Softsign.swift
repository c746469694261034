import CKernels
import ONNXFormat
import ONNXOperators
import RealModule

/// `y = x / (1 + |x|)`
struct Softsign: DifferentiableElementwise, AttributeFreeOperator {
  static let schema = Schema("Softsign", [1: .floats, 22: [.floats, .bfloat16]], inputs: 1...1)

  func apply<T: Real & BinaryFloatingPoint>(_ x: T) -> T { x / (1 + abs(x)) }
  static let derivativeSource = DerivativeSource.input
  func derivative<T: Real & BinaryFloatingPoint>(_ x: T, _ y: T) -> T {
    let root: T = 1 + abs(x)
    return 1 / (root * root)
  }
  var vectorised: UnaryLoop<Float, Float>? { ck_softsign }
}
