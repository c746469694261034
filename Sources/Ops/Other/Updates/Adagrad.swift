import ONNXFormat
import ONNXOperators
import ONNXShape
import RealModule

/// A step scaled by the sum of all squared gradients so far: with `g = norm·x + G`,
/// `h' = h + g²`, `x' = x − R / (1 + T·decay) · g / (√h' + ε)`.
struct Adagrad: GradientMethod {
  static let schema = Schema(
    "Adagrad", domain: "ai.onnx.preview.training", [1: [.float32, .float64]],
    inputs: .atLeast(3), outputs: .atLeast(1))
  static let stateCount = 1
  let inputsAreDistinct: Bool
  let decay: Float
  let epsilon: Float
  let norm: Float

  init(_ node: inout NodeReader) throws(OperatorError) {
    inputsAreDistinct = node.inputsAreDistinct
    decay = try node.float("decay_factor", default: 0)
    epsilon = try node.float("epsilon", default: 1e-6)
    norm = try node.float("norm_coefficient", default: 0)
  }

  func step<T: Real & BinaryFloatingPoint>(_ step: GradientStep<T>) {
    let rate = T(step.rate / (1 + Double(step.time) * Double(decay)))
    let (epsilon, norm) = (T(epsilon), T(norm))
    for i in 0..<step.count {
      let x = step.x[i]
      let g = norm * x + step.g[i]
      let h = step.states.0[i] + g * g
      step.newX[i] = x - rate * g / (h.squareRoot() + epsilon)
      step.newStates.0[i] = h
    }
  }
}
