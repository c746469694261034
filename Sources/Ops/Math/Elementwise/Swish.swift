import CKernels
import ONNXFormat
import ONNXOperators
import RealModule

/// `y = x · sigmoid(alpha · x)`. The result at −∞ is NaN if `alpha` is positive.
struct Swish: DifferentiableElementwise {
  static let schema = Schema("Swish", [24: [.floats, .bfloat16]], inputs: 1...1)
  let alpha: Float

  init(_ node: inout NodeReader) throws(OperatorError) {
    alpha = try node.float("alpha", default: 1)
  }

  func apply<T: Real & BinaryFloatingPoint>(_ x: T) -> T {
    x * (1 / (1 + .exp(-T(alpha) * x)))
  }
  static let derivativeSource = DerivativeSource.input
  func derivative<T: Real & BinaryFloatingPoint>(_ x: T, _ y: T) -> T {
    let t: T = T(alpha) * x
    let gate: T = 1 / (1 + .exp(-t))
    return gate * (1 + t * (1 - gate))
  }
  var vectorised: UnaryLoop<Float, Float>? {
    { [alpha] x, y, count in ck_swish(x, y, count, alpha) }
  }
  var vectorisedGradient: GradientLoop<Float>? {
    { [alpha] x, _, g, gx, count in ck_swish_grad(x, g, gx, count, alpha) }
  }
  var cost: Int { 8 }
}

extension Swish: ActivationOperator {
  func activation(_ partner: FusionPartner) -> Activation? { .swish(alpha) }
}

extension Swish {
  static var versionSteps: [VersionStep] {
    [
      .introduced(24) { change throws(OperatorError) in
        let x = try change.input(0)
        let alpha = try change.float("alpha") ?? 1
        var scaled = x
        if alpha != 1 {
          let factor = try change.scalar(Double(alpha), try change.elementType(0), "alpha")
          scaled = change.emit("Mul", [x, factor], type: change.tensorType(0))
        }
        let gate = change.emit("Sigmoid", [scaled], type: change.tensorType(0))
        change.emit("Mul", [x, gate], as: change.node.outputs.first)
        change.isReplaced = true
      }
    ]
  }
}

extension Swish {
  static var rewrites: [RewriteRule] {
    let x = RewritePattern.value("x")
    return [
      RewriteRule(.product(x, .node("Sigmoid", [x]))) { $0.node("Swish", ["x"], version: 24) },
      RewriteRule(.product(x, .node("Sigmoid", [.product(x, .scalar("alpha"))]))) {
        // The attribute is a float32: too coarse for most numbers of float64.
        let alpha = Float($0.scalar("alpha"))
        let isExact = $0.type("x")?.elementType != .float64 || Double(alpha) == $0.scalar("alpha")
        return isExact
          ? $0.node("Swish", ["x"], [.float("alpha", alpha)], version: 24) : nil
      },
    ]
  }
}
