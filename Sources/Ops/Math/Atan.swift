import ONNXFormat
import RealModule

/// `y = arctan x`
struct Atan: ElementwiseOperator, AttributeFreeOperator {
  static let schema = Schema("Atan", [7: .floats, 22: [.floats, .bfloat16]], inputs: 1...1)

  func apply<T: Real & BinaryFloatingPoint>(_ x: T) -> T { .atan(x) }
  var cost: Int { 30 }
}
