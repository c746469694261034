import ONNX
import ONNXPlots
import ToolSupport

/// The loss and accuracy of each epoch as a table and as a plot.
struct LearningCurves {
  private let history: [EpochRecord]
  init(_ history: [EpochRecord]) { self.history = history }

  /// Writes `NAME.csv`, `NAME.svg` and `NAME.png`.
  func write(to name: String) throws {
    let lines = [EpochRecord.fieldNames] + history.map(\.fields)
    try writeText(lines.map { $0.joined(separator: ",") + "\n" }.joined(), to: name + ".csv")
    var plot = Plot("Loss per epoch", xLabel: "epoch", yLabel: "loss")
    plot.series = [
      Plot.Series("training", points { $0.loss }),
      Plot.Series("validation", points { $0.validationLoss }),
    ].filter { !$0.points.isEmpty }
    plot.hasLogarithmicY = plot.series.allSatisfy { $0.points.allSatisfy { $0.y > 0 } }
    plot.hasWholeX = true
    try plot.writeSVGAndPNG(name)
  }

  private func points(_ value: (EpochRecord) -> Double?) -> [(x: Double, y: Double)] {
    history.compactMap { record in value(record).map { (Double(record.epoch), $0) } }
  }
}
