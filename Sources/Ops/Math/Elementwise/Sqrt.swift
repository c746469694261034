import CKernels
import ONNXFormat
import ONNXOperators
import RealModule

/// `y = √x`, NaN below 0.
struct Sqrt: DifferentiableElementwise, AttributeFreeOperator {
  static let schema = Schema(
    "Sqrt", [1: .floats, 6: .floats, 13: [.floats, .bfloat16]],
    inputs: 1...1)

  func apply<T: Real & BinaryFloatingPoint>(_ x: T) -> T { .sqrt(x) }
  static let derivativeSource = DerivativeSource.output
  func derivative<T: Real & BinaryFloatingPoint>(_ x: T, _ y: T) -> T { 1 / (2 * y) }
  var vectorised: UnaryLoop<Float, Float>? { ck_sqrt }
  var cost: Int { 2 }
}

extension Sqrt: ChainedOperator {}
