import ONNX
import ToolSupport

extension TrainingRun {
  /// The progress line, which fits the terminal: the bar shrinks, and parts are left out.
  func line(
    _ epoch: Int, _ index: Int, _ count: Int, _ result: StepResult, secondsLeft: Double
  ) -> String {
    let head = "epoch \(epoch + 1)/\(recipe.settings.epochs)"
    let tail = "\(index)/\(count)  \(recipe.brief(result))"
    return progressLine(
      head, share: Double(index) / Double(max(count, 1)), [tail, "\(clock(secondsLeft)) left"],
      on: .standardError)
  }

  /// The line at the end of an epoch, of at most 80 letters for usual numbers.
  func describe(_ record: EpochRecord, seconds: Double) -> String {
    var text = "epoch \(record.epoch)/\(recipe.settings.epochs)  loss \(fixed(record.loss, 4))"
    if let accuracy = record.accuracy { text += "  accuracy \(fixed(accuracy, 4))" }
    if let loss = record.validationLoss { text += "  validation \(fixed(loss, 4))" }
    if let accuracy = record.validationAccuracy { text += ", \(fixed(accuracy, 4))" }
    return text + "  \(clock(seconds))"
  }
}
