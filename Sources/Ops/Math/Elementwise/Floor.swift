import CKernels
import ONNXFormat
import ONNXOperators
import RealModule

/// The largest integer not greater than `x`.
struct Floor: ElementwiseOperator, AttributeFreeOperator, FlatOperator {
  static let schema = Schema(
    "Floor", [1: .floats, 6: .floats, 13: [.floats, .bfloat16]],
    inputs: 1...1)

  func apply<T: Real & BinaryFloatingPoint>(_ x: T) -> T { x.rounded(.down) }
  var vectorised: UnaryLoop<Float, Float>? { ck_floor }
}
