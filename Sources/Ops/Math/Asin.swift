import ONNXFormat
import RealModule

/// `y = arcsin x`, NaN beyond ±1.
struct Asin: ElementwiseOperator, AttributeFreeOperator {
  static let schema = Schema("Asin", [7: .floats, 22: [.floats, .bfloat16]], inputs: 1...1)

  func apply<T: Real & BinaryFloatingPoint>(_ x: T) -> T { .asin(x) }
  var cost: Int { 30 }
}
