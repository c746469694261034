import Foundation
import ONNX

/// How well a network does on the validation examples.
struct Evaluation: Sendable {
  /// An example that the network takes for another class.
  struct Mistake: Sendable {
    let example: Int
    let label: Int
    let predicted: Int
    /// The probability of the predicted class.
    let probability: Float
  }

  static let mostMistakes = 24

  /// The number of steps before the evaluation.
  let step: Int
  private(set) var loss = 0.0
  private(set) var accuracy = 0.0
  let count: Int
  /// The number of examples by their class, row by row, and the class that the network takes them for.
  private(set) var confusion: ConfusionMatrix
  /// The first mistakes, the surest first.
  private(set) var mistakes: [Mistake] = []

  /// - Parameters:
  ///   - scores: a row for each example
  ///   - labels: the class of each example
  init(step: Int, scores: [Float], labels: [Int], classes: Int) {
    self.step = step
    count = labels.count
    confusion = ConfusionMatrix(classCount: classes)
    var (right, all) = (0, [Mistake]())
    for (example, label) in labels.enumerated() where (example + 1) * classes <= scores.count {
      let probabilities = Self.softmax(scores[example * classes..<(example + 1) * classes])
      let predicted = probabilities.indices.max { probabilities[$0] < probabilities[$1] } ?? 0
      loss -= log(Double(max(probabilities[label], 1e-30)))
      confusion.add(labels: [Int64(label)], predicted: [Int64(predicted)])
      if predicted == label {
        right += 1
      } else {
        all.append(
          Mistake(
            example: example, label: label, predicted: predicted,
            probability: probabilities[predicted]))
      }
    }
    loss /= Double(max(count, 1))
    accuracy = Double(right) / Double(max(count, 1))
    mistakes = Array(all.sorted { $0.probability > $1.probability }.prefix(Self.mostMistakes))
  }

  /// `eˣ / Σ eˣ`.
  static func softmax(_ scores: some Collection<Float>) -> [Float] {
    let most = scores.max() ?? 0
    let powers = scores.map { exp($0 - most) }
    let sum = powers.reduce(0, +)
    return powers.map { $0 / sum }
  }
}
