import ONNXFormat
import ONNXOperators
import RealModule

/// `y = alpha · tanh(beta · x)`, an experimental operator (`EarlyOperator`).
struct ScaledTanh: DifferentiableElementwise {
  static let schema = Schema("ScaledTanh", [1: .floats], removed: 10, inputs: 1...1)
  let alpha: Float
  let beta: Float

  init(_ node: inout NodeReader) throws(OperatorError) {
    alpha = try node.float("alpha")
    beta = try node.float("beta")
    try node.skipConsumedInputs()
  }

  func apply<T: Real & BinaryFloatingPoint>(_ x: T) -> T { T(alpha) * .tanh(T(beta) * x) }
  static let derivativeSource = DerivativeSource.input
  func derivative<T: Real & BinaryFloatingPoint>(_ x: T, _ y: T) -> T {
    let t: T = .tanh(T(beta) * x)
    return T(alpha) * T(beta) * (1 - t * t)
  }
  var cost: Int { 8 }
}
