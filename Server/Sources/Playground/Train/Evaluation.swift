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
  init(step: Int, scores: [Float], labels: [Int], classes: Int, _ network: Network) {
    self.step = step
    count = labels.count
    confusion = ConfusionMatrix(classCount: classes)
    var (right, all) = (0, [Mistake]())
    for (example, label) in labels.enumerated() where (example + 1) * classes <= scores.count {
      let row = Array(scores[example * classes..<(example + 1) * classes])
      let probabilities = network.probabilities(row)
      let predicted = probabilities.indices.max { probabilities[$0] < probabilities[$1] } ?? 0
      loss += Self.loss(row, probabilities[label], label, network.scores)
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

  /// The loss of an example, as the trainer computes it.
  private static func loss(
    _ row: [Float], _ probability: Float, _ label: Int, _ scores: Network.Scores
  ) -> Double {
    switch scores {
    case .logits, .softmax: -log(Double(max(probability, 1e-30)))
    case .svm:
      row.indices.reduce(0) { $0 + ($1 == label ? 0 : Double(max(0, row[$1] - row[label] + 1))) }
    case .regression:
      row.indices.reduce(0) { $0 + pow(Double(row[$1]) - ($1 == label ? 1 : 0), 2) }
        / Double(row.count)
    }
  }

  /// `eˣ / Σ eˣ`.
  static func softmax(_ scores: some Collection<Float>) -> [Float] {
    let most = scores.max() ?? 0
    let powers = scores.map { exp($0 - most) }
    let sum = powers.reduce(0, +)
    return powers.map { $0 / sum }
  }
}
