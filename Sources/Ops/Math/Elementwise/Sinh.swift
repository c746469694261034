import ONNXFormat
import ONNXOperators
import RealModule

/// `y = sinh x`
struct Sinh: DifferentiableElementwise, AttributeFreeOperator {
  static let schema = Schema("Sinh", [9: .floats, 22: [.floats, .bfloat16]], inputs: 1...1)

  func apply<T: Real & BinaryFloatingPoint>(_ x: T) -> T { .sinh(x) }
  static let derivativeSource = DerivativeSource.input
  func derivative<T: Real & BinaryFloatingPoint>(_ x: T, _ y: T) -> T { .cosh(x) }
  var cost: Int { 30 }
}
