import ONNXFormat
import RealModule

/// `y = arsinh x`
struct Asinh: ElementwiseOperator, AttributeFreeOperator {
  static let schema = Schema("Asinh", [9: .floats, 22: [.floats, .bfloat16]], inputs: 1...1)

  func apply<T: Real & BinaryFloatingPoint>(_ x: T) -> T { .asinh(x) }
  var cost: Int { 30 }
}
