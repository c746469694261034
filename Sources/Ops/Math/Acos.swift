import ONNXFormat
import RealModule

/// `y = arccos x`, NaN beyond ±1.
struct Acos: ElementwiseOperator, AttributeFreeOperator {
  static let schema = Schema("Acos", [7: .floats, 22: [.floats, .bfloat16]], inputs: 1...1)

  func apply<T: Real & BinaryFloatingPoint>(_ x: T) -> T { .acos(x) }
  var cost: Int { 30 }
}
