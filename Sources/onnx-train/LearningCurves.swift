import ONNX
import ToolSupport

/// Loss and accuracy over the epochs, as files to look at.
struct LearningCurves {
  private let history: [EpochRecord]
  init(_ history: [EpochRecord]) { self.history = history }

  /// Writes `NAME.csv`.
  func write(to name: String) throws {
    let lines = [EpochRecord.fieldNames] + history.map(\.fields)
    try writeText(lines.map { $0.joined(separator: ",") + "\n" }.joined(), to: name + ".csv")
  }
}
