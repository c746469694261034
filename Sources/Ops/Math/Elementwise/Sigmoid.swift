import CKernels
import ONNXFormat
import ONNXOperators
import RealModule

/// `y = 1 / (1 + e⁻ˣ)`
struct Sigmoid: DifferentiableElementwise, AttributeFreeOperator {
  static let schema = Schema(
    "Sigmoid", [1: .floats, 6: .floats, 13: [.floats, .bfloat16]],
    inputs: 1...1)

  func apply<T: Real & BinaryFloatingPoint>(_ x: T) -> T { 1 / (1 + .exp(-x)) }
  static let derivativeSource = DerivativeSource.output
  func derivative<T: Real & BinaryFloatingPoint>(_ x: T, _ y: T) -> T { y * (1 - y) }
  var vectorised: UnaryLoop<Float, Float>? { ck_sigmoid }
  var vectorisedGradient: GradientLoop<Float>? { outputLoop(ck_sigmoid_grad) }
  var cost: Int { 8 }
}

extension Sigmoid: ActivationOperator {
  func activation(_ partner: FusionPartner) -> Activation? { .sigmoid }
}
