import CKernels
import ONNXFormat
import ONNXOperators
import RealModule

/// `y = x` where `x > 0`, `alpha · (eˣ − 1)` elsewhere.
struct Elu: DifferentiableElementwise {
  static let schema = Schema(
    "Elu", [1: .floats, 6: .floats, 22: [.floats, .bfloat16]],
    inputs: 1...1)
  let alpha: Float

  init(_ node: inout NodeReader) throws(OperatorError) {
    alpha = try node.float("alpha", default: 1)
    try node.skipConsumedInputs()
  }

  func apply<T: Real & BinaryFloatingPoint>(_ x: T) -> T {
    x > 0 ? x : T(alpha) * .expMinusOne(x)
  }
  static let derivativeSource = DerivativeSource.input
  func derivative<T: Real & BinaryFloatingPoint>(_ x: T, _ y: T) -> T {
    x > 0 ? 1 : T(alpha) * .exp(x)
  }
  var vectorised: UnaryLoop<Float, Float>? {
    { [alpha] x, y, count in ck_elu(x, y, count, alpha, 1, 1) }
  }
  var cost: Int { 8 }
}

extension Elu: ActivationOperator {
  func activation(_ partner: FusionPartner) -> Activation? { .elu(alpha) }
}
