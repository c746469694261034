import CKernels
import ONNXFormat
import ONNXOperators
import RealModule

/// `y = max(0, min(1, alpha · x + beta))`. NaN stays NaN.
struct HardSigmoid: DifferentiableElementwise {
  static let schema = Schema(
    "HardSigmoid", [1: .floats, 6: .floats, 22: [.floats, .bfloat16]],
    inputs: 1...1)
  let alpha: Float
  let beta: Float

  init(_ node: inout NodeReader) throws(OperatorError) {
    alpha = try node.float("alpha", default: 0.2)
    beta = try node.float("beta", default: 0.5)
    try node.skipConsumedInputs()
  }

  func apply<T: Real & BinaryFloatingPoint>(_ x: T) -> T {
    let y: T = T(alpha) * x + T(beta)
    return y > 1 ? 1 : y < 0 ? 0 : y
  }
  static let derivativeSource = DerivativeSource.output
  func derivative<T: Real & BinaryFloatingPoint>(_ x: T, _ y: T) -> T {
    y > 0 && y < 1 ? T(alpha) : 0
  }
  var vectorised: UnaryLoop<Float, Float>? {
    { [alpha, beta] x, y, count in ck_hard_sigmoid(x, y, count, alpha, beta) }
  }
}

extension HardSigmoid: ActivationOperator {
  func activation(_ partner: FusionPartner) -> Activation? { .hardSigmoid(alpha, beta) }
}

extension HardSigmoid {
  static var rewrites: [RewriteRule] {
    [
      RewriteRule(.product(.number(1 / 6), clippedToSix(.value("x")))) {
        // The attribute alpha is a float32.
        $0.type("x")?.elementType == .float64
          ? nil
          : $0.node(
            "HardSigmoid", ["x"], [.float("alpha", 1 / 6), .float("beta", 0.5)], version: 22)
      }
    ]
  }

  /// `min(max(x + 3, 0), 6)`
  static func clippedToSix(_ x: RewritePattern) -> RewritePattern {
    let sum = RewritePattern.sum(x, .number(3))
    return .either([
      .node("Min", [.node("Relu", [sum]), .number(6)]),
      .node("Clip", [sum]) { node, view in
        node.inputs.count == 3
          ? view.isNumber(node.inputs[1], 0) && view.isNumber(node.inputs[2], 6)
          : node.inputs.count == 1 && isFloat(node.attribute("min"), 0)
            && isFloat(node.attribute("max"), 6)
      },
    ])
  }

  private static func isFloat(_ attribute: Attribute?, _ number: Float) -> Bool {
    if case .float(number)? = attribute?.value { true } else { false }
  }
}
