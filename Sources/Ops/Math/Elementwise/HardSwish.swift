import CKernels
import ONNXFormat
import ONNXOperators
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

extension HardSwish {
  static var versionSteps: [VersionStep] {
    [
      .introduced(14) { change throws(OperatorError) in
        let x = try change.input(0)
        let gate = change.emit(
          "HardSigmoid", [x], [.float("alpha", 1 / 6), .float("beta", 0.5)],
          type: change.tensorType(0))
        change.emit("Mul", [x, gate], as: change.node.outputs.first)
        change.isReplaced = true
      }
    ]
  }
}
