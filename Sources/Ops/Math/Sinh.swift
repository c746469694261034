import ONNXFormat
import RealModule

/// `y = sinh x`
struct Sinh: ElementwiseOperator, AttributeFreeOperator {
  static let schema = Schema("Sinh", [9: .floats, 22: [.floats, .bfloat16]], inputs: 1...1)

  func apply<T: Real & BinaryFloatingPoint>(_ x: T) -> T { .sinh(x) }
  var cost: Int { 30 }
}
