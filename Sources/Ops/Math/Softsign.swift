import CKernels
import ONNXFormat
import RealModule

/// `y = x / (1 + |x|)`
struct Softsign: ElementwiseOperator, AttributeFreeOperator {
  static let schema = Schema("Softsign", [1: .floats, 22: [.floats, .bfloat16]], inputs: 1...1)

  func apply<T: Real & BinaryFloatingPoint>(_ x: T) -> T { x / (1 + abs(x)) }
  var vectorised: UnaryLoop<Float, Float>? { ck_softsign }
}
