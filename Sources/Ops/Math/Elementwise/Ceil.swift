import CKernels
import ONNXFormat
import ONNXOperators
import RealModule

/// The smallest integer not less than `x`.
struct Ceil: ElementwiseOperator, AttributeFreeOperator, FlatOperator {
  static let schema = Schema(
    "Ceil", [1: .floats, 6: .floats, 13: [.floats, .bfloat16]],
    inputs: 1...1)

  func apply<T: Real & BinaryFloatingPoint>(_ x: T) -> T { x.rounded(.up) }
  var vectorised: UnaryLoop<Float, Float>? { ck_ceil }
}
