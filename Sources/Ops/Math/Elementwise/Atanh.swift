import ONNXFormat
import ONNXOperators
import RealModule

/// `y = artanh x`, NaN outside −1…1.
struct Atanh: DifferentiableElementwise, AttributeFreeOperator {
  static let schema = Schema("Atanh", [9: .floats, 22: [.floats, .bfloat16]], inputs: 1...1)

  func apply<T: Real & BinaryFloatingPoint>(_ x: T) -> T { .atanh(x) }
  static let derivativeSource = DerivativeSource.input
  func derivative<T: Real & BinaryFloatingPoint>(_ x: T, _ y: T) -> T { 1 / (1 - x * x) }
  var cost: Int { 30 }
}
