import CKernels
import ONNXFormat
import ONNXOperators
import RealModule

/// `y` = 1 where `x > 0`, −1 where `x < 0`, else `x`: 0 or NaN.
struct Sign: IntegerElementwiseOperator, AttributeFreeOperator, FlatOperator {
  static let schema = Schema(
    "Sign", [9: [.floats, .integers], 13: [.floats, .integers, .bfloat16]],
    inputs: 1...1)
  static var widening: Widening { .exact }

  func apply<T: Real & BinaryFloatingPoint>(_ x: T) -> T { x > 0 ? 1 : x < 0 ? -1 : x }
  func apply<T: FixedWidthInteger>(integer x: T) -> T { x.signum() }
  var vectorised: UnaryLoop<Float, Float>? { ck_sign }
}
