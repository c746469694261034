import ONNXFormat
import ONNXSupport
import ONNXText

/// A class with its score.
public struct ClassScore: Sendable, Hashable {
  /// The index of the class.
  public let index: Int
  /// The name of the class in the model's metadata `classes`, or its index.
  public let name: String
  /// The score.
  public let score: Float

  /// The class and its score in words.
  var text: String { "\(name), score \(formatted(Double(score), "%.4g"))" }
}

/// The scores of all classes for the first example of a batch.
struct ClassScores {
  /// The name of the scores.
  let output: String
  /// The scores, floating point `[N, …]`.
  let tensor: Tensor
  /// The class with the best score.
  let best: ClassScore
  private let names: [String]
  private let values: [Float]

  /// - Throws: `ExplainError` for scores that are empty or not floating point
  init(_ model: ExplainedModel, _ output: String, _ tensor: Tensor) throws(ExplainError) {
    guard tensor.count > 0 else { throw .unsuitable("'\(output)' has no scores") }
    self.output = output
    self.tensor = tensor
    names = ClassNames.stated(in: model.model.metadata)
    values = try tensor.floats(output)
    let index = try model.bestScores(tensor, output, steps: nil)[0]
    best = Self.score(index, names, values)
  }

  private static func score(_ index: Int, _ names: [String], _ values: [Float]) -> ClassScore {
    ClassScore(
      index: index, name: index < names.count ? names[index] : "\(index)", score: values[index])
  }

  /// The classes given by index or name; the best one if none is given.
  /// - Throws: `ExplainError` for an unknown class
  func classes(_ texts: [String]) throws(ExplainError) -> [ClassScore] {
    guard !texts.isEmpty else { return [best] }
    let count = tensor.shape.dropFirst().reduce(1, *)
    var found: [ClassScore] = []
    for text in texts {
      guard let index = names.firstIndex(of: text) ?? Int(text), (0..<count).contains(index) else {
        let known = names.isEmpty ? "" : " or one of \(names.prefix(12).joined(separator: ", "))"
        throw .unsuitable("expected a class from 0 to \(count - 1)\(known), got '\(text)'")
      }
      found.append(Self.score(index, names, values))
    }
    return found
  }
}

extension ExplainedModel {
  /// The name of the scores: the first output of a node, or by default the model's first output before
  /// its softmax.
  func scores(of name: String?) throws(ExplainError) -> String {
    guard let name else { return try scores() }
    return try node(name, "node") { _ in true }.outputs.first { !$0.isEmpty } ?? ""
  }

  /// A value and, where the model's first output is scores `[N, C]`, the class with the best score.
  func tensorAndPrediction(_ name: String) throws(ExplainError) -> (Tensor?, ClassScore?) {
    guard let output = try? scores(), let found = try? tensors([name, output]),
      let scores = found[output], scores.shape.count == 2, scores.shape[1] > 1
    else { return (try tensors([name])[name], nil) }
    return (found[name], try? ClassScores(self, output, scores).best)
  }
}
