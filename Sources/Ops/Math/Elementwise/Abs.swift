import CKernels
import ONNXFormat
import ONNXOperators
import RealModule

/// `y = |x|`. The smallest signed integer is returned unchanged.
struct Abs: IntegerElementwiseOperator, DifferentiableElementwise, AttributeFreeOperator {
  static let schema = Schema(
    "Abs", [1: .floats, 6: [.floats, .integers], 13: [.floats, .integers, .bfloat16]],
    inputs: 1...1)
  static var widening: Widening { .wrapping }

  func apply<T: Real & BinaryFloatingPoint>(_ x: T) -> T { abs(x) }
  func apply<T: FixedWidthInteger>(integer x: T) -> T { x < 0 ? 0 &- x : x }
  static let derivativeSource = DerivativeSource.input
  func derivative<T: Real & BinaryFloatingPoint>(_ x: T, _ y: T) -> T { x > 0 ? 1 : x < 0 ? -1 : 0 }
  var vectorised: UnaryLoop<Float, Float>? { ck_abs }
}
