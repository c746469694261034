import CKernels
import ONNXFormat
import RealModule

/// `y = x · max(0, min(1, x / 6 + ½))`
struct HardSwish: ElementwiseOperator, AttributeFreeOperator {
  static let schema = Schema("HardSwish", [14: .floats, 22: [.floats, .bfloat16]], inputs: 1...1)

  func apply<T: Real & BinaryFloatingPoint>(_ x: T) -> T { x * max(0, min(1, x / 6 + 0.5)) }
  var vectorised: UnaryLoop<Float, Float>? { ck_hard_swish }
}
