import Glibc
import ONNX

/// The best of one row of scores.
public struct Ranking: Sendable {
  public struct Entry: Sendable, Hashable {
    public let index: Int
    public let score: Double
    /// From 0 to 1: the score where the row sums to 1, else its softmax.
    public let probability: Double
  }
  public let entries: [Entry]

  /// The `count` largest of a tensor that is one row of at least two floating-point scores: no
  /// dimension but one is larger than 1. `nil` for any other.
  public init?(_ tensor: Tensor, count: Int) {
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

  /// A line an entry: its label or index, score, share and a bar.
  public func lines(labels: [String], on terminal: Terminal) -> [String] {
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
