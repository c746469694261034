import CKernels
import ONNXFormat
import RealModule

/// `y = x · max(0, min(1, x / 6 + ½))`
struct HardSwish: DifferentiableElementwise, AttributeFreeOperator {
  static let schema = Schema("HardSwish", [14: .floats, 22: [.floats, .bfloat16]], inputs: 1...1)

  func apply<T: Real & BinaryFloatingPoint>(_ x: T) -> T { x * max(0, min(1, x / 6 + 0.5)) }
  static let derivativeSource = DerivativeSource.input
  func derivative<T: Real & BinaryFloatingPoint>(_ x: T, _ y: T) -> T {
    x < -3 ? 0 : x > 3 ? 1 : x / 3 + 0.5
  }
  var vectorised: UnaryLoop<Float, Float>? { ck_hard_swish }
  var vectorisedGradient: GradientLoop<Float>? { inputLoop(ck_hard_swish_grad) }
}
