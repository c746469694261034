import ONNXFormat
import ONNXOperators
import ONNXShape

/// `y = transform(x · coefficientsᵀ + intercepts)`: `[N, F]` → `[N, targets]`.
struct LinearRegressor: Operator {
  static let schema = Schema("LinearRegressor", domain: "ai.onnx.ml", [1: .features], inputs: 1...1)
  let model: LinearModel
  let targets: Int
  let transform: TreeTransform

  init(_ node: inout NodeReader) throws(OperatorError) {
    model = try LinearModel(&node)
    targets = try node.int("targets", default: 1)
    transform = try TreeTransform(&node)
    guard targets > 0 else { throw .attribute("targets", "is \(targets)") }
  }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let shape = try inputs.rowShape()
    if let features = shape?[1].size {
      let count = try model.scoreCount(features: features)
      guard count == targets else {
        throw .input(0, "\(features) features give \(count) scores, expected \(targets)")
      }
    }
    return [.tensor(.float32, [shape?[0] ?? .unknown, .size(targets)])]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    try model.kernel(call) { buffers, row, scores in
      transform.apply(&scores)
      let y = buffers.output(0, as: Float.self) + row * targets
      for i in 0..<targets { y[i] = Float(scores[i]) }
    }
  }
}
