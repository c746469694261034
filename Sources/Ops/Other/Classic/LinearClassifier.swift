import ONNXFormat
import ONNXOperators
import ONNXShape

/// The class with the highest score, and the scores of all classes,
/// `transform(x · coefficientsᵀ + intercepts)`: `[N, F]` → `[N]` and `[N, scores]`.
///
/// For two classes with one score `s`, the scores are `[−s, s]`.
struct LinearClassifier: Operator {
  static let schema = Schema(
    "LinearClassifier", domain: "ai.onnx.ml", [1: .features], inputs: 1...1, outputs: 1...2)
  let model: LinearModel
  let integers: [Int]
  let strings: [String]
  let transform: TreeTransform

  init(_ node: inout NodeReader) throws(OperatorError) {
    model = try LinearModel(&node)
    integers = try node.optionalInts("classlabels_ints") ?? []
    strings = try node.optionalStrings("classlabels_strings") ?? []
    guard integers.isEmpty || strings.isEmpty else {
      throw .invalid("expected one of classlabels_ints and classlabels_strings")
    }
    transform = try TreeTransform(&node)
    _ = try node.optionalInt("multi_class")
  }

  /// The number of scores; `nil` if unknown.
  private func columns(features: Int?) throws(OperatorError) -> Int? {
    let classes = max(integers.count, strings.count)
    guard let features else { return classes == 0 ? nil : classes }
    let count = try model.scoreCount(features: features)
    guard classes == 0 || count == classes || (count == 1 && classes == 2) else {
      throw .input(0, "\(features) features give \(count) scores for \(classes) classes")
    }
    return max(count, classes)
  }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let shape = try inputs.rowShape()
    let rows = shape?[0] ?? .unknown
    return [
      .tensor(strings.isEmpty ? .int64 : .string, [rows]),
      .tensor(.float32, [rows, Dimension(try columns(features: shape?[1].size))]),
    ]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    let columns = try columns(features: call.inputSizes(0).last) ?? 1
    let (hasLabels, hasScores) = (call.wants(0), call.wants(1))
    return try model.kernel(call) { buffers, row, scores in
      if scores.count < columns { scores = [-scores[0], scores[0]] }
      // `nil` if the row does not belong to the only class.
      var best: Int? = 0
      for i in scores.indices where scores[i] > scores[best ?? 0] { best = i }
      transform.apply(&scores)
      if hasScores {
        let z = buffers.output(1, as: Float.self) + row * columns
        for i in 0..<columns { z[i] = Float(scores[i]) }
      }
      guard hasLabels else { return }
      if columns == 1, !(scores[0] >= (transform == .none ? 0 : 0.5)) { best = nil }
      if !strings.isEmpty {
        buffers.output(0, as: String.self)[row] = best.map { strings[$0] } ?? ""
      } else if !integers.isEmpty {
        buffers.output(0, as: Int64.self)[row] = best.map { Int64(integers[$0]) } ?? 0
      } else {
        let label = columns == 1 ? (best == nil ? 0 : 1) : best ?? 0
        buffers.output(0, as: Int64.self)[row] = Int64(label)
      }
    }
  }
}
