import ONNXFormat
import ONNXOperators
import RealModule

/// `y = tan x`
struct Tan: DifferentiableElementwise, AttributeFreeOperator {
  static let schema = Schema("Tan", [7: .floats, 22: [.floats, .bfloat16]], inputs: 1...1)

  func apply<T: Real & BinaryFloatingPoint>(_ x: T) -> T { .tan(x) }
  static let derivativeSource = DerivativeSource.output
  func derivative<T: Real & BinaryFloatingPoint>(_ x: T, _ y: T) -> T { 1 + y * y }
  var cost: Int { 30 }
}
