import ONNXFormat
import ONNXOperators
import ONNXShape

/// The class with the most votes of decision trees, and the scores of all classes: `[N]` and
/// `[N, classes]`.
struct TreeEnsembleClassifier: Operator {
  static let schema = Schema(
    "TreeEnsembleClassifier", domain: "ai.onnx.ml",
    [
      1: [.float32, .float64, .int64, .int32], 3: [.float32, .float64, .int64, .int32],
      5: [.float32, .float64, .int64, .int32],
    ], inputs: 1...1, outputs: 1...2)
  let forest: TreeForest
  let transform: TreeTransform
  let base: [Double]
  let integers: [Int]
  let strings: [String]
  /// The number of classes with votes, and the number of columns of the scores.
  let classes: Int
  let columns: Int
  /// The only one of two classes with votes; the score of the other follows from its score.
  let voted: Int?

  init(_ node: inout NodeReader) throws(OperatorError) {
    integers = try node.optionalInts("classlabels_int64s") ?? []
    strings = try node.optionalStrings("classlabels_strings") ?? []
    guard integers.isEmpty != strings.isEmpty else {
      throw .invalid("expected one of classlabels_int64s and classlabels_strings")
    }
    classes = max(integers.count, strings.count)
    forest = try TreeForest(&node, votes: "class", targets: classes)
    transform = try TreeTransform(&node)
    base = try node.numbers("base_values")
    guard base.isEmpty || base.count == classes else {
      throw .attribute("base_values", "expected \(classes), got \(base.count)")
    }
    let targets = Set(forest.leaves.joined().map(\.target))
    voted = classes <= 2 && targets.count == 1 ? targets.first : nil
    columns = voted == nil ? classes : 2
    guard classes > 1 || (voted != nil && integers == [1]) else {
      throw .unsupported("a single class other than 1")
    }
  }

  func infer(_ inputs: Inputs) throws(OperatorError) -> [ValueType] {
    let rows = try inputs.shape(0, rank: 2)?[0] ?? .unknown
    return [
      .tensor(strings.isEmpty ? .int64 : .string, [rows]),
      .tensor(.float32, [rows, .size(columns)]),
    ]
  }

  func prepare(_ call: Preparation) throws(OperatorError) -> Kernel {
    let hasScores = call.wants(1)
    let hasLabels = call.wants(0)
    return try forest.kernel(call, targets: classes, .sum) { buffers, row, votes in
      for i in base.indices { votes[i] += base[i] }
      var scores = votes
      if let voted {
        let score = votes[voted]
        scores = [transform == .none || transform == .probit ? 1 - score : -score, score]
      }
      transform.apply(&scores)
      if hasScores {
        let z = buffers.output(1, as: Float.self) + row * columns
        for i in 0..<columns { z[i] = Float(scores[i]) }
      }
      guard hasLabels else { return }
      var best = 0
      for i in scores.indices where scores[i] > scores[best] { best = i }
      if !strings.isEmpty {
        buffers.output(0, as: String.self)[row] = strings[best]
      } else {
        let label = integers.count == 1 ? best : integers[best]
        buffers.output(0, as: Int64.self)[row] = Int64(label)
      }
    }
  }
}

extension TreeEnsembleClassifier {
  static var versionSteps: [VersionStep] {
    [
      .treeTensors(["base_values", "class_weights", "nodes_hitrates", "nodes_values"]),
      .treesWithoutLabels,
    ]
  }
}
