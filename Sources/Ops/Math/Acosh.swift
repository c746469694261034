import ONNXFormat
import RealModule

/// `y = arcosh x`, NaN below 1.
struct Acosh: ElementwiseOperator, AttributeFreeOperator {
  static let schema = Schema("Acosh", [9: .floats, 22: [.floats, .bfloat16]], inputs: 1...1)

  func apply<T: Real & BinaryFloatingPoint>(_ x: T) -> T { .acosh(x) }
  var cost: Int { 30 }
}
