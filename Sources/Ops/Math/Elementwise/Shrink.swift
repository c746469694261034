import ONNXFormat
import ONNXOperators
import RealModule

/// `y = x + bias` where `x < −lambd`, `x − bias` where `x > lambd`, 0 in between. Integer results
/// are truncated.
struct Shrink: IntegerElementwiseOperator, DifferentiableElementwise {
  static let schema = Schema("Shrink", [9: [.floats, .integers]], inputs: 1...1)
  let bias: Float
  let lambd: Float

  init(_ node: inout NodeReader) throws(OperatorError) {
    bias = try node.float("bias", default: 0)
    lambd = try node.float("lambd", default: 0.5)
  }

  func apply<T: Real & BinaryFloatingPoint>(_ x: T) -> T {
    x < -T(lambd) ? x + T(bias) : x > T(lambd) ? x - T(bias) : 0
  }
  func apply<T: FixedWidthInteger>(integer x: T) -> T { T(truncating: apply(Double(x))) }
  static let derivativeSource = DerivativeSource.input
  func derivative<T: Real & BinaryFloatingPoint>(_ x: T, _ y: T) -> T {
    x < -T(lambd) || x > T(lambd) ? 1 : 0
  }
}
