import CKernels
import ONNXFormat
import RealModule

/// `y = sin x`
struct Sin: ElementwiseOperator, AttributeFreeOperator {
  static let schema = Schema("Sin", [7: .floats, 22: [.floats, .bfloat16]], inputs: 1...1)

  func apply<T: Real & BinaryFloatingPoint>(_ x: T) -> T { .sin(x) }
  var vectorised: UnaryLoop<Float, Float>? { ck_sin }
  var cost: Int { 12 }
}
