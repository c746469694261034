import ONNXFormat
import ONNXOperators
import RealModule

/// `y = arcosh x`, NaN below 1.
struct Acosh: DifferentiableElementwise, AttributeFreeOperator {
  static let schema = Schema("Acosh", [9: .floats, 22: [.floats, .bfloat16]], inputs: 1...1)

  func apply<T: Real & BinaryFloatingPoint>(_ x: T) -> T { .acosh(x) }
  static let derivativeSource = DerivativeSource.input
  func derivative<T: Real & BinaryFloatingPoint>(_ x: T, _ y: T) -> T { 1 / .sqrt(x * x - 1) }
  var cost: Int { 30 }
}
