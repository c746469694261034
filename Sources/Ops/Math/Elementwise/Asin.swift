import ONNXFormat
import ONNXOperators
import RealModule

/// `y = arcsin x`, NaN outside −1…1.
struct Asin: DifferentiableElementwise, AttributeFreeOperator {
  static let schema = Schema("Asin", [7: .floats, 22: [.floats, .bfloat16]], inputs: 1...1)

  func apply<T: Real & BinaryFloatingPoint>(_ x: T) -> T { .asin(x) }
  static let derivativeSource = DerivativeSource.input
  func derivative<T: Real & BinaryFloatingPoint>(_ x: T, _ y: T) -> T { 1 / .sqrt(1 - x * x) }
  var cost: Int { 30 }
}
