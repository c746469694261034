import CKernels
import ONNXFormat
import ONNXOperators
import RealModule

/// `y = x` where `x ≥ 0`, `alpha · x` elsewhere.
struct LeakyRelu: DifferentiableElementwise {
  static let schema = Schema(
    "LeakyRelu", [1: .floats, 6: .floats, 16: [.floats, .bfloat16]],
    inputs: 1...1)
  let alpha: Float

  init(_ node: inout NodeReader) throws(OperatorError) {
    alpha = try node.float("alpha", default: 0.01)
    try node.skipConsumedInputs()
  }

  func apply<T: Real & BinaryFloatingPoint>(_ x: T) -> T {
    x < 0 ? T(alpha) * x : x
  }
  static let derivativeSource = DerivativeSource.input
  func derivative<T: Real & BinaryFloatingPoint>(_ x: T, _ y: T) -> T { x > 0 ? 1 : T(alpha) }
  var vectorised: UnaryLoop<Float, Float>? {
    { [alpha] x, y, count in ck_leaky_relu(x, y, count, alpha) }
  }
  var vectorisedGradient: GradientLoop<Float>? {
    { [alpha] x, _, g, gx, count in ck_leaky_relu_grad(x, g, gx, count, alpha) }
  }
}

extension LeakyRelu: ActivationOperator {
  func activation(_ partner: FusionPartner) -> Activation? { .leakyRelu(alpha) }
}
