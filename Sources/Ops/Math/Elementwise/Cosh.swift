import ONNXFormat
import ONNXOperators
import RealModule

/// `y = cosh x`
struct Cosh: DifferentiableElementwise, AttributeFreeOperator {
  static let schema = Schema("Cosh", [9: .floats, 22: [.floats, .bfloat16]], inputs: 1...1)

  func apply<T: Real & BinaryFloatingPoint>(_ x: T) -> T { .cosh(x) }
  static let derivativeSource = DerivativeSource.input
  func derivative<T: Real & BinaryFloatingPoint>(_ x: T, _ y: T) -> T { .sinh(x) }
  var cost: Int { 30 }
}
