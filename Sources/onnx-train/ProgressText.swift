import ONNX
import ToolSupport

extension TrainingRun {
  /// The progress line, which fits the terminal: the bar shrinks, and parts are left out.
  func line(_ step: StepRecord, _ loop: TrainingLoop, from before: TrainingProgress) -> String {
    let count = Double(max(step.stepCount, 1))
    let done = Double(step.epoch - 1) + Double(step.step) / count
    let first = Double(before.epoch) + Double(before.batch) / count
    let share = (Double(recipe.settings.epochs) - done) / max(done - first, 1e-9)
    let left = loop.elapsed.milliseconds / 1000 * share
    return progressLine(
      "epoch \(step.epoch)/\(recipe.settings.epochs)", share: Double(step.step) / count,
      ["\(step.step)/\(step.stepCount)  \(recipe.brief(step.mean))", "\(clock(left)) left"],
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
