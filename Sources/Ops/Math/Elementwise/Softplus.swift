import CKernels
import ONNXFormat
import ONNXOperators
import RealModule

/// `y = ln(1 + eˣ)`
struct Softplus: DifferentiableElementwise, AttributeFreeOperator {
  static let schema = Schema("Softplus", [1: .floats, 22: [.floats, .bfloat16]], inputs: 1...1)

  func apply<T: Real & BinaryFloatingPoint>(_ x: T) -> T { softplus(x) }
  static let derivativeSource = DerivativeSource.input
  func derivative<T: Real & BinaryFloatingPoint>(_ x: T, _ y: T) -> T { 1 / (1 + .exp(-x)) }
  var vectorised: UnaryLoop<Float, Float>? { ck_softplus }
  var vectorisedGradient: GradientLoop<Float>? { inputLoop(ck_softplus_grad) }
  var cost: Int { 16 }
}
