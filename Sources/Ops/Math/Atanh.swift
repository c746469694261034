import ONNXFormat
import RealModule

/// `y = artanh x`, NaN beyond ±1.
struct Atanh: ElementwiseOperator, AttributeFreeOperator {
  static let schema = Schema("Atanh", [9: .floats, 22: [.floats, .bfloat16]], inputs: 1...1)

  func apply<T: Real & BinaryFloatingPoint>(_ x: T) -> T { .atanh(x) }
  var cost: Int { 30 }
}
