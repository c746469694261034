import ONNXFormat
import ONNXOperators
import RealModule

/// `y = alpha · x + beta`, an experimental operator (`EarlyOperator`).
struct Affine: DifferentiableElementwise {
  static let schema = Schema("Affine", [1: .floats], removed: 10, inputs: 1...1)
  let alpha: Float
  let beta: Float

  init(_ node: inout NodeReader) throws(OperatorError) {
    alpha = try node.float("alpha", default: 1)
    beta = try node.float("beta", default: 0)
    try node.skipConsumedInputs()
  }

  func apply<T: Real & BinaryFloatingPoint>(_ x: T) -> T { T(alpha) * x + T(beta) }
  static let derivativeSource = DerivativeSource.input
  func derivative<T: Real & BinaryFloatingPoint>(_ x: T, _ y: T) -> T { T(alpha) }
}
