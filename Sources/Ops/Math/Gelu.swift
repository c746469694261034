import CKernels
import ONNXFormat
import RealModule

/// `y = ½ x (1 + erf(x / √2))`, or its approximation `½ x (1 + tanh(√(2/π) (x + 0.044715 x³)))`
/// (Hendrycks and Gimpel 2016).
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
