import ONNXFormat
import ONNXOperators
import ONNXShape

/// `y = transform(Σ coefficientᵢ · kernel(x, vectorᵢ) + rho)`: `[N, F]` → `[N, 1]`; without
/// support vectors the model is linear in the features. With `one_class`, the result is 1 if the sum is
/// positive and −1 otherwise.
struct SVMRegressor: Operator {
  static let schema = Schema("SVMRegressor", domain: "ai.onnx.ml", [1: .features], inputs: 1...1)
  let vectors: SupportVectors
  let coefficients: [Double]
  let rho: Double
  /// The number of support vectors; 0 for a linear model.
  let count: Int
  let features: Int
  let isOneClass: Bool
  let transform: TreeTransform

  init(_ node: inout NodeReader) throws(OperatorError) {
    vectors = try SupportVectors(&node)
    coefficients = (try node.optionalFloats("coefficients") ?? []).map { Double($0) }
    guard let rho = try node.optionalFloats("rho")?.first else {
      throw .attribute("rho", "is missing")
    }
    self.rho = Double(rho)
    count = try node.int("n_supports", default: 0)
    isOneClass = try node.int("one_class", default: 0) != 0
    transform = try TreeTransform(&node)
    guard count >= 0 else { throw .attribute("n_supports", "is \(count)") }
    guard !coefficients.isEmpty, count == 0 || coefficients.count == count else {
      throw .attribute(
        "coefficients", "expected one for each vector or feature, got \(coefficients.count)")
    }
    features = count == 0 ? coefficients.count : try vectors.featureCount(count)
  }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    [.tensor(.float32, [try inputs.supportRows(features: features), .size(1)])]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    try call.rowKernel(cost: 2 * max(count, 1), scratch: count + 1) { buffers, row, x, scratch in
      var sum = rho
      if count == 0 {
        for (i, coefficient) in coefficients.enumerated() { sum += coefficient * x[i] }
      } else {
        vectors.measure(x, features, count, into: scratch)
        for (i, coefficient) in coefficients.enumerated() { sum += coefficient * scratch[i] }
      }
      if isOneClass {
        sum = sum > 0 ? 1 : -1
      } else {
        scratch[0] = sum
        transform.apply(UnsafeMutableBufferPointer(start: scratch, count: 1))
        sum = scratch[0]
      }
      buffers.output(0, as: Float.self)[row] = Float(sum)
    }
  }
}
