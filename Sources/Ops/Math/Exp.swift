import CKernels
import ONNXFormat
import RealModule

/// `y = eˣ`
struct Exp: ElementwiseOperator, AttributeFreeOperator {
  static let schema = Schema(
    "Exp", [1: .floats, 6: .floats, 13: [.floats, .bfloat16]],
    inputs: 1...1)

  func apply<T: Real & BinaryFloatingPoint>(_ x: T) -> T { .exp(x) }
  var vectorised: UnaryLoop<Float, Float>? { ck_exp }
  var cost: Int { 8 }
}
