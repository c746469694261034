import ONNXFormat
import ONNXOperators
import ONNXShape
import RealModule

/// A step along a decaying sum of gradients: with `g = norm·x + G`,
/// `v' = α·v + β·g`, at `T = 0` `v' = α·v + g`, and `x' = x − R·v'`, or in Nesterov's mode
/// `x' = x − R·(g + α·v')`.
struct Momentum: GradientMethod {
  static let schema = Schema(
    "Momentum", domain: "ai.onnx.preview.training", [1: [.float32, .float64]],
    inputs: .atLeast(3), outputs: .atLeast(1))
  static let stateCount = 1
  let inputsAreDistinct: Bool
  let alpha: Float
  let beta: Float
  let norm: Float
  let isNesterov: Bool

  init(_ node: inout NodeReader) throws(OperatorError) {
    inputsAreDistinct = node.inputsAreDistinct
    alpha = try node.float("alpha")
    beta = try node.float("beta")
    norm = try node.float("norm_coefficient")
    guard node.has("mode") else { throw .attribute("mode", "is missing") }
    let mode = try node.choice("mode", default: "standard", among: ["standard", "nesterov"])
    isNesterov = mode == "nesterov"
  }

  func step<T: Real & BinaryFloatingPoint>(_ step: GradientStep<T>) {
    let (rate, alpha, norm) = (T(step.rate), T(alpha), T(norm))
    let beta = step.time > 0 ? T(beta) : 1
    for i in 0..<step.count {
      let x = step.x[i]
      let g = norm * x + step.g[i]
      let v = alpha * step.states.0[i] + beta * g
      step.newX[i] = x - rate * (isNesterov ? g + alpha * v : v)
      step.newStates.0[i] = v
    }
  }
}
