import ONNXFormat
import ONNXOperators
import RealModule

/// `y = arctan x`
struct Atan: DifferentiableElementwise, AttributeFreeOperator {
  static let schema = Schema("Atan", [7: .floats, 22: [.floats, .bfloat16]], inputs: 1...1)

  func apply<T: Real & BinaryFloatingPoint>(_ x: T) -> T { .atan(x) }
  static let derivativeSource = DerivativeSource.input
  func derivative<T: Real & BinaryFloatingPoint>(_ x: T, _ y: T) -> T { 1 / (1 + x * x) }
  var cost: Int { 30 }
}
