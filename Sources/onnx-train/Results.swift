import ONNX
import RealModule
import ToolSupport

/// Results as text.
extension Recipe {
  /// The last line on standard output.
  func summary(_ result: StepResult) -> String {
    let isOwn = test == nil && validation == nil && judge == nil
    let data = isOwn ? "training" : test == nil ? "validation" : "test"
    let note = isOwn ? " (there is no test data)" : ""
    switch measure {
    case .accuracy: return "\(data) accuracy \(fixed(result.accuracy ?? 0, 4))\(note)"
    case .loss: return "\(data) loss \(fixed(result.loss, 6))\(note)"
    case .perplexity:
      return "\(data) loss \(fixed(result.loss, 4)) \(perplexity(result.loss))\(note)"
    }
  }

  /// The last line on standard output for a tagger.
  func summary(_ score: TagScore, tags: Vocabulary) -> String {
    let accuracy = "accuracy \(fixed(score.accuracy, 4))"
    guard TagScore.marksChunks(tags.tokens) else { return "test \(accuracy)" }
    return "test F1 \(fixed(score.f1, 4))  precision \(fixed(score.precision, 4))  "
      + "recall \(fixed(score.recall, 4))  \(accuracy)"
  }

  /// The result in the progress line.
  func brief(_ result: StepResult) -> String {
    switch measure {
    case .accuracy: "loss \(fixed(result.loss, 4))  accuracy \(fixed(result.accuracy ?? 0, 4))"
    case .loss: "loss \(fixed(result.loss, 6))"
    case .perplexity: "loss \(fixed(result.loss, 4))  \(perplexity(result.loss))"
    }
  }

  private func perplexity(_ loss: Double) -> String {
    "perplexity \(fixed(Double.exp(loss), 2))"
  }
}

/// A duration in seconds as `M:SS` or `H:MM:SS`.
func clock(_ seconds: Double) -> String {
  guard seconds.isFinite, seconds >= 0 else { return "?" }
  let total = Int(seconds.rounded())
  let (hours, minutes, rest) = (total / 3600, total / 60 % 60, total % 60)
  func two(_ n: Int) -> String { n < 10 ? "0\(n)" : "\(n)" }
  return hours > 0 ? "\(hours):\(two(minutes)):\(two(rest))" : "\(minutes):\(two(rest))"
}
