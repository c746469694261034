import ONNXFormat
import ONNXOperators
import ONNXShape
import RealModule

/// A step along the mean gradient, scaled by the mean squared gradient (Kingma and Ba, 2014): with
/// `g = norm·x + G`, `v' = α·v + (1 − α)·g`, `h' = β·h + (1 − β)·g²`,
/// `r = R·√(1 − βᵀ) / (1 − αᵀ)`, at `T = 0` `r = R`, and
/// `x' = (1 − normPost)·(x − r·v' / (√h' + ε))`.
struct Adam: GradientMethod {
  static let schema = Schema(
    "Adam", domain: "ai.onnx.preview.training", [1: [.float32, .float64]],
    inputs: .atLeast(3), outputs: .atLeast(1))
  static let stateCount = 2
  let inputsAreDistinct: Bool
  let alpha: Float
  let beta: Float
  let epsilon: Float
  let norm: Float
  let normPost: Float

  init(_ node: inout NodeReader) throws(OperatorError) {
    inputsAreDistinct = node.inputsAreDistinct
    alpha = try node.float("alpha", default: 0.9)
    beta = try node.float("beta", default: 0.999)
    epsilon = try node.float("epsilon", default: 1e-6)
    norm = try node.float("norm_coefficient", default: 0)
    normPost = try node.float("norm_coefficient_post", default: 0)
  }

  func step<T: Real & BinaryFloatingPoint>(_ step: GradientStep<T>) {
    var corrected = step.rate
    if step.time > 0 {
      let time = Double(step.time)
      corrected *= (1 - Double.pow(Double(beta), time)).squareRoot()
      corrected /= 1 - Double.pow(Double(alpha), time)
    }
    let rate = T(corrected)
    let (alpha, beta, epsilon, norm) = (T(alpha), T(beta), T(epsilon), T(norm))
    let kept = 1 - T(normPost)
    for i in 0..<step.count {
      let x = step.x[i]
      let g = norm * x + step.g[i]
      let v = alpha * step.states.0[i] + (1 - alpha) * g
      let h = beta * step.states.1[i] + (1 - beta) * (g * g)
      step.newX[i] = kept * (x - rate * (v / (h.squareRoot() + epsilon)))
      step.newStates.0[i] = v
      step.newStates.1[i] = h
    }
  }
}
