import CKernels
import ONNXFormat
import ONNXOperators
import RealModule

/// `y = x · tanh(ln(1 + eˣ))` (Misra 2019). The result at −∞ is NaN, as −∞ · 0 is in this formula.
struct Mish: DifferentiableElementwise, AttributeFreeOperator {
  static let schema = Schema("Mish", [18: .floats, 22: [.floats, .bfloat16]], inputs: 1...1)

  func apply<T: Real & BinaryFloatingPoint>(_ x: T) -> T { x * .tanh(softplus(x)) }
  static let derivativeSource = DerivativeSource.input
  func derivative<T: Real & BinaryFloatingPoint>(_ x: T, _ y: T) -> T {
    let t: T = .tanh(softplus(x))
    let gate: T = 1 / (1 + .exp(-x))
    return t + x * (1 - t * t) * gate
  }
  var vectorised: UnaryLoop<Float, Float>? { ck_mish }
  var cost: Int { 12 }
}

extension Mish: ActivationOperator {
  func activation(_ partner: FusionPartner) -> Activation? { .mish }
}

extension Mish {
  static var versionSteps: [VersionStep] {
    [
      .introduced(18) { change throws(OperatorError) in
        let x = try change.input(0)
        let type = change.tensorType(0)
        let gate = change.emit("Tanh", [change.emit("Softplus", [x], type: type)], type: type)
        change.emit("Mul", [x, gate], as: change.node.outputs.first)
        change.isReplaced = true
      }
    ]
  }
}
