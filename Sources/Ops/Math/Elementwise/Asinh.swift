import ONNXFormat
import ONNXOperators
import RealModule

/// `y = arsinh x`
struct Asinh: DifferentiableElementwise, AttributeFreeOperator {
  static let schema = Schema("Asinh", [9: .floats, 22: [.floats, .bfloat16]], inputs: 1...1)

  func apply<T: Real & BinaryFloatingPoint>(_ x: T) -> T { .asinh(x) }
  static let derivativeSource = DerivativeSource.input
  func derivative<T: Real & BinaryFloatingPoint>(_ x: T, _ y: T) -> T { 1 / .sqrt(x * x + 1) }
  var cost: Int { 30 }
}
