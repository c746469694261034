import CKernels
import ONNXFormat
import ONNXOperators
import RealModule

/// `y = −x`. The smallest signed integer is returned unchanged.
struct Neg: IntegerElementwiseOperator, DifferentiableElementwise, AttributeFreeOperator {
  static let schema = Schema(
    "Neg",
    [1: .floats, 6: [.floats, .signedIntegers], 13: [.floats, .signedIntegers, .bfloat16]],
    inputs: 1...1)
  static var widening: Widening { .wrapping }

  func apply<T: Real & BinaryFloatingPoint>(_ x: T) -> T { -x }
  func apply<T: FixedWidthInteger>(integer x: T) -> T { 0 &- x }
  static let derivativeSource = DerivativeSource.input
  func derivative<T: Real & BinaryFloatingPoint>(_ x: T, _ y: T) -> T { -1 }
  var vectorised: UnaryLoop<Float, Float>? { ck_neg }
}

extension Neg: ChainedOperator {}
