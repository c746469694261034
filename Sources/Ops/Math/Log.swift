import CKernels
import ONNXFormat
import RealModule

/// `y = ln x`: −∞ at 0, NaN below.
struct Log: ElementwiseOperator, AttributeFreeOperator {
  static let schema = Schema(
    "Log", [1: .floats, 6: .floats, 13: [.floats, .bfloat16]],
    inputs: 1...1)

  func apply<T: Real & BinaryFloatingPoint>(_ x: T) -> T { .log(x) }
  var vectorised: UnaryLoop<Float, Float>? { ck_log }
  var cost: Int { 8 }
}
