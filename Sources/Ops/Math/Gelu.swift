import CKernels
import ONNXFormat
import RealModule

/// `y = ½ x (1 + erf(x / √2))`, or its approximation `½ x (1 + tanh(√(2/π) (x + 0.044715 x³)))`
/// (Hendrycks and Gimpel 2016).
struct Gelu: ElementwiseOperator {
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
  var vectorised: UnaryLoop<Float, Float>? { isApproximate ? ck_gelu_tanh : ck_gelu }
  var cost: Int { 12 }
}
