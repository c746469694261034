import ONNXFormat
import RealModule

/// `y = tan x`
struct Tan: ElementwiseOperator, AttributeFreeOperator {
  static let schema = Schema("Tan", [7: .floats, 22: [.floats, .bfloat16]], inputs: 1...1)

  func apply<T: Real & BinaryFloatingPoint>(_ x: T) -> T { .tan(x) }
  var cost: Int { 30 }
}
