import CKernels
import ONNXFormat
import ONNXOperators
import RealModule

/// `y = ½ x (1 + erf(x / √2))`, or its approximation `½ x (1 + tanh(√(2/π) (x + 0.044715 x³)))`
/// (Hendrycks and Gimpel 2016). The result at −∞ is NaN, as −∞ · 0 is in these formulas.
struct Gelu: DifferentiableElementwise {
  static let schema = Schema("Gelu", [20: [.floats, .bfloat16]], inputs: 1...1)
  let isApproximate: Bool

  init(_ node: inout NodeReader) throws(OperatorError) {
    isApproximate =
      try node.choice("approximate", default: "none", among: ["none", "tanh"]) == "tanh"
  }

  func apply<T: Real & BinaryFloatingPoint>(_ x: T) -> T {
    if !isApproximate { return x / 2 * .erfc(-x * .sqrt(0.5)) }
    let cube: T = x * x * x
    let factor: T = .sqrt(2 / T.pi)
    return x / 2 * (1 + .tanh(factor * (x + 0.044715 * cube)))
  }
  static let derivativeSource = DerivativeSource.input
  func derivative<T: Real & BinaryFloatingPoint>(_ x: T, _ y: T) -> T {
    if isApproximate {
      let factor: T = .sqrt(2 / T.pi)
      let square: T = x * x
      let t: T = .tanh(factor * (x + 0.044715 * square * x))
      let slope: T = factor * (1 + 0.134145 * square)
      return (1 + t) / 2 + x * (1 - t * t) * slope / 2
    }
    let density: T = .exp(-(x * x) / 2) / .sqrt(2 * T.pi)
    return .erfc(-x * .sqrt(0.5)) / 2 + x * density
  }
  var vectorised: UnaryLoop<Float, Float>? { isApproximate ? ck_gelu_tanh : ck_gelu }
  var vectorisedGradient: GradientLoop<Float>? {
    isApproximate ? inputLoop(ck_gelu_tanh_grad) : inputLoop(ck_gelu_grad)
  }
  var cost: Int { 12 }
}

extension Gelu: ActivationOperator {
  func activation(_ partner: FusionPartner) -> Activation? {
    .gelu(isApproximate: isApproximate)
  }
}

extension Gelu {
  static var versionSteps: [VersionStep] {
    [
      .introduced(20) { change throws(OperatorError) in
        let x = try change.input(0)
        let element = try change.elementType(0)
        let type = change.tensorType(0)
        let isApproximate = try change.string("approximate") == "tanh"
        var inner = x
        var scale = 0.5.squareRoot()
        if isApproximate {
          let cube = change.emit("Mul", [change.emit("Mul", [x, x], type: type), x], type: type)
          let cubic = change.emit("Mul", [cube, try change.scalar(0.044715, element)], type: type)
          inner = change.emit("Add", [x, cubic], type: type)
          scale = (2 / Double.pi).squareRoot()
        }
        inner = change.emit("Mul", [inner, try change.scalar(scale, element)], type: type)
        let curve = change.emit(isApproximate ? "Tanh" : "Erf", [inner], type: type)
        let sum = change.emit("Add", [curve, try change.scalar(1, element)], type: type)
        let half = change.emit("Mul", [x, try change.scalar(0.5, element)], type: type)
        change.emit("Mul", [half, sum], as: change.node.outputs.first)
        change.isReplaced = true
      }
    ]
  }
}

extension Gelu {
  static var rewrites: [RewriteRule] {
    let x = RewritePattern.value("x")
    let half = RewritePattern.number(0.5)
    let one = RewritePattern.number(1)
    let erf = RewritePattern.node("Erf", [.product(x, .number(0.5.squareRoot()))])
    let tanh = RewritePattern.node("Tanh", [approximation(x)])
    return [
      RewriteRule(.product(x, half, .sum(one, erf))) { $0.node("Gelu", ["x"], version: 20) },
      RewriteRule(.product(x, half, .sum(one, tanh))) {
        $0.node("Gelu", ["x"], [.string("approximate", "tanh")], version: 20)
      },
    ]
  }

  /// `√(2/π) (x + 0.044715 x³)`, or the same with `x` in front.
  private static func approximation(_ x: RewritePattern) -> RewritePattern {
    let factor = RewritePattern.number((2 / Double.pi).squareRoot())
    let cubic = RewritePattern.number(0.044715)
    return .either([
      .product(factor, .sum(x, .product(cubic, .power(x, 3)))),
      .product(factor, .sum(x, .product(cubic, x, x, x))),
      .product(factor, x, .sum(.number(1), .product(cubic, .power(x, 2)))),
      .product(factor, x, .sum(.number(1), .product(cubic, x, x))),
    ])
  }
}
