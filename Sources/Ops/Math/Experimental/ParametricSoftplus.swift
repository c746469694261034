import ONNXFormat
import ONNXOperators
import RealModule

/// `y = alpha · ln(1 + e^(beta · x))`, an experimental operator (`EarlyOperator`).
struct ParametricSoftplus: DifferentiableElementwise {
  static let schema = Schema("ParametricSoftplus", [1: .floats], removed: 10, inputs: 1...1)
  let alpha: Float
  let beta: Float

  init(_ node: inout NodeReader) throws(OperatorError) {
    alpha = try node.float("alpha")
    beta = try node.float("beta")
    try node.skipConsumedInputs()
  }

  func apply<T: Real & BinaryFloatingPoint>(_ x: T) -> T { T(alpha) * softplus(T(beta) * x) }
  static let derivativeSource = DerivativeSource.input
  func derivative<T: Real & BinaryFloatingPoint>(_ x: T, _ y: T) -> T {
    T(alpha) * T(beta) / (1 + .exp(-T(beta) * x))
  }
  var cost: Int { 16 }
}
