import CKernels
import ONNXFormat
import ONNXOperators
import RealModule

/// `y = x · max(0, min(1, x / 6 + ½))`
struct HardSwish: DifferentiableElementwise, AttributeFreeOperator {
  static let schema = Schema("HardSwish", [14: .floats, 22: [.floats, .bfloat16]], inputs: 1...1)

  func apply<T: Real & BinaryFloatingPoint>(_ x: T) -> T {
    let gate: T = x / 6 + 0.5
    return x * (gate > 1 ? 1 : gate < 0 ? 0 : gate)
  }
  static let derivativeSource = DerivativeSource.input
  func derivative<T: Real & BinaryFloatingPoint>(_ x: T, _ y: T) -> T {
    x < -3 ? 0 : x > 3 ? 1 : x / 3 + 0.5
  }
  var vectorised: UnaryLoop<Float, Float>? { ck_hard_swish }
  var vectorisedGradient: GradientLoop<Float>? { inputLoop(ck_hard_swish_grad) }
}

extension HardSwish: ActivationOperator {
  func activation(_ partner: FusionPartner) -> Activation? { .hardSwish }
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

extension HardSwish {
  static var rewrites: [RewriteRule] {
    let x = RewritePattern.value("x")
    let gate = RewritePattern.node("HardSigmoid", [x]) { node, _ in
      guard case .float(let alpha)? = node.attribute("alpha")?.value else { return false }
      guard case .float(let beta) = node.attribute("beta")?.value ?? .float(0.5) else {
        return false
      }
      return abs(alpha * 6 - 1) < 1e-6 && beta == 0.5
    }
    return [
      RewriteRule(.product(x, gate)) {
        // The attribute alpha is a float32, and HardSwish divides by 6 exactly.
        $0.type("x")?.elementType == .float64 ? nil : $0.node("HardSwish", ["x"], version: 22)
      },
      RewriteRule(.product(x, .number(1 / 6), HardSigmoid.clippedToSix(x))) {
        $0.node("HardSwish", ["x"], version: 22)
      },
    ]
  }
}
