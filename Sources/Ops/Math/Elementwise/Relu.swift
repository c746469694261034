import CKernels
import ONNXFormat
import ONNXOperators
import RealModule

/// `y = max(x, 0)`. NaN stays NaN.
struct Relu: IntegerElementwiseOperator, DifferentiableElementwise, AttributeFreeOperator {
  static let schema = Schema(
    "Relu",
    [
      1: .floats, 6: .floats, 13: [.floats, .bfloat16],
      14: [.floats, .bfloat16, .signedIntegers],
    ], inputs: 1...1)
  static var widening: Widening { .exact }
  static var eightBitForm: EightBitForm { .clamp }

  func apply<T: Real & BinaryFloatingPoint>(_ x: T) -> T { x < 0 ? 0 : x }
  func apply<T: FixedWidthInteger>(integer x: T) -> T { x < 0 ? 0 : x }
  static let derivativeSource = DerivativeSource.output
  func derivative<T: Real & BinaryFloatingPoint>(_ x: T, _ y: T) -> T { y > 0 ? 1 : 0 }
  var vectorised: UnaryLoop<Float, Float>? { ck_relu }
  var vectorisedGradient: GradientLoop<Float>? { outputLoop(ck_relu_grad) }
}

extension Relu: ActivationOperator {
  func activation(_ partner: FusionPartner) -> Activation? { .relu }
}
