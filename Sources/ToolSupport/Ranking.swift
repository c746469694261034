import Glibc
import ONNXFormat
import ONNXSupport

/// The best classes of one row of scores.
package struct Ranking: Sendable {
  /// A class of the ranking.
  package struct Entry: Sendable, Hashable {
    package let index: Int
    package let score: Double
    /// From 0 to 1: the score itself if the row is a distribution, else its softmax.
    package let probability: Double
  }
  package let entries: [Entry]

  /// The `count` largest scores of a floating-point tensor with one dimension above 1; `nil` for any
  /// other tensor.
  package init?(_ tensor: Tensor, count: Int) {
    guard tensor.count > 1, tensor.shape.contains(tensor.count) else { return nil }
    let scores: [Double]
    switch tensor.elementType {
    case .float32: scores = tensor.elements(as: Float.self).map { Double($0) }
    case .float64: scores = Array(tensor.elements(as: Double.self))
    case .float16: scores = tensor.elements(as: Float16.self).map { Double($0) }
    case .bfloat16: scores = tensor.elements(as: BFloat16.self).map { Double($0.float) }
    default: return nil
    }
    guard scores.allSatisfy(\.isFinite) else { return nil }
    let isDistribution =
      scores.allSatisfy { $0 >= 0 } && abs(scores.reduce(0, +) - 1) < 1e-3
    let largest = scores.max() ?? 0
    let sum = isDistribution ? 1 : scores.reduce(0) { $0 + exp($1 - largest) }
    let order = scores.indices.sorted {
      scores[$0] == scores[$1] ? $0 < $1 : scores[$0] > scores[$1]
    }
    entries = order.prefix(max(count, 0)).map { index in
      let score = scores[index]
      return Entry(
        index: index, score: score,
        probability: isDistribution ? score : exp(score - largest) / sum)
    }
  }

  /// A line for each entry: its label or index, score, probability and a bar.
  package func lines(labels: [String], on terminal: Terminal) -> [String] {
    var table = Table(["": .left, "": .right, "": .right, "": .left])
    for entry in entries {
      let label = entry.index < labels.count ? labels[entry.index].escaped : "\(entry.index)"
      table.append([
        "  " + label, formatted(entry.score), formatted(entry.probability * 100, "%.1f") + " %",
        bar(entry.probability, width: 30, on: terminal),
      ])
    }
    return Array(table.lines.dropFirst())
  }
}
