import ONNXFormat
import ONNXOperators
import RealModule

/// `y = scale · x`, an experimental operator (`EarlyOperator`).
struct Scale: DifferentiableElementwise {
  static let schema = Schema("Scale", [1: .floats], removed: 10, inputs: 1...1)
  let scale: Float

  init(_ node: inout NodeReader) throws(OperatorError) {
    scale = try node.float("scale", default: 1)
    try node.skipConsumedInputs()
  }

  func apply<T: Real & BinaryFloatingPoint>(_ x: T) -> T { T(scale) * x }
  static let derivativeSource = DerivativeSource.input
  func derivative<T: Real & BinaryFloatingPoint>(_ x: T, _ y: T) -> T { T(scale) }
}
