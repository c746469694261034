import CKernels
import ONNXFormat
import RealModule

/// `y = x / (1 + e^(−alpha · x))`
struct Swish: ElementwiseOperator {
  static let schema = Schema("Swish", [24: [.floats, .bfloat16]], inputs: 1...1)
  let alpha: Float

  init(_ node: inout NodeReader) throws(OperatorError) {
    alpha = try node.float("alpha", default: 1)
  }

  func apply<T: Real & BinaryFloatingPoint>(_ x: T) -> T {
    x / (1 + .exp(-T(alpha) * x))
  }
  var vectorised: UnaryLoop<Float, Float>? {
    { [alpha] x, y, count in ck_swish(x, y, count, alpha) }
  }
  var cost: Int { 8 }
}
