import CKernels
import ONNXFormat
import ONNXOperators
import RealModule

/// `y = tanh x`
struct Tanh: DifferentiableElementwise, AttributeFreeOperator {
  static let schema = Schema(
    "Tanh", [1: .floats, 6: .floats, 13: [.floats, .bfloat16]],
    inputs: 1...1)

  func apply<T: Real & BinaryFloatingPoint>(_ x: T) -> T { .tanh(x) }
  static let derivativeSource = DerivativeSource.output
  func derivative<T: Real & BinaryFloatingPoint>(_ x: T, _ y: T) -> T { 1 - y * y }
  var vectorised: UnaryLoop<Float, Float>? { ck_tanh }
  var vectorisedGradient: GradientLoop<Float>? { outputLoop(ck_tanh_grad) }
  var cost: Int { 8 }
}

extension Tanh: ActivationOperator {
  func activation(_ partner: FusionPartner) -> Activation? { .tanh }
}
