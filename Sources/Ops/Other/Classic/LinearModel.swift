import ONNXFormat
import ONNXOperators
import ONNXShape

/// Rows of features times coefficients, plus intercepts: `[N, F]` → `[N, scores]`.
struct LinearModel: Sendable {
  /// The factors, `[scores, F]`.
  let coefficients: [Double]
  /// One number for each score, or empty for 0.
  let intercepts: [Double]

  init(_ node: inout NodeReader) throws(OperatorError) {
    coefficients = (try node.optionalFloats("coefficients") ?? []).map { Double($0) }
    intercepts = (try node.optionalFloats("intercepts") ?? []).map { Double($0) }
    guard !coefficients.isEmpty else { throw .attribute("coefficients", "is missing") }
  }

  /// The number of scores of a row with a number of features.
  func scoreCount(features: Int) throws(OperatorError) -> Int {
    guard features > 0, coefficients.count % features == 0 else {
      throw .attribute(
        "coefficients", "\(coefficients.count) do not belong to \(features) features")
    }
    let count = coefficients.count / features
    guard intercepts.isEmpty || intercepts.count == count else {
      throw .attribute("intercepts", "expected \(count), got \(intercepts.count)")
    }
    return count
  }

  /// A kernel that calls `body` with the index and the scores of each row.
  func kernel(
    _ call: Preparation, _ body: @escaping @Sendable (Buffers, Int, inout [Double]) -> Void
  ) throws(OperatorError) -> Kernel {
    let features = try call.inputSizes(0).last ?? 1
    let count = try scoreCount(features: features)
    let start = intercepts.isEmpty ? Array(repeating: 0, count: count) : intercepts
    return try call.rowKernel(cost: 2 * count) { buffers, row, x in
      var scores = start
      coefficients.withUnsafeBufferPointer { coefficients in
        for score in 0..<count {
          var sum = 0.0
          for i in 0..<features { sum += x[i] * coefficients[score * features + i] }
          scores[score] += sum
        }
      }
      body(buffers, row, &scores)
    }
  }
}
