import ONNX
import ONNXPlots
import ToolSupport

/// The loss and accuracy of each complete epoch as a table and as plots side by side.
struct LearningCurves {
  private let history: [EpochRecord]
  init(_ history: [EpochRecord]) { self.history = history }

  /// Writes `NAME.csv`, `NAME.svg` and `NAME.png`.
  func write(to name: String) throws {
    let lines = [EpochRecord.fieldNames] + history.map(\.fields)
    try writeText(lines.map { $0.joined(separator: ",") + "\n" }.joined(), to: name + ".csv")
    var loss = plot("Loss per epoch", "loss", \.loss, \.validationLoss)
    loss.hasLogarithmicY = loss.series.allSatisfy { $0.points.allSatisfy { $0.y > 0 } }
    let accuracy = plot("Accuracy per epoch", "accuracy", \.accuracy, \.validationAccuracy)
    let page = PlotPage([loss, accuracy].filter { !$0.series.isEmpty })
    try page.write(to: name + ".svg")
    try page.write(to: name + ".png")
  }

  private func plot(
    _ title: String, _ label: String, _ training: (EpochRecord) -> Double?,
    _ validation: (EpochRecord) -> Double?
  ) -> Plot {
    func points(_ value: (EpochRecord) -> Double?) -> [(x: Double, y: Double)] {
      history.compactMap { record in value(record).map { (Double(record.epoch), $0) } }
    }
    var plot = Plot(title, xLabel: "epoch", yLabel: label)
    plot.series = [
      Plot.Series("training", points(training)), Plot.Series("validation", points(validation)),
    ].filter { !$0.points.isEmpty }
    plot.hasWholeX = true
    return plot
  }
}
