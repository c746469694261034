import Glibc
import ONNX
import ToolSupport

/// Trains by a recipe and prints progress and results.
struct TrainingRun {
  let recipe: Recipe
  let arguments: TrainingArguments
  /// The file to write the loss of every step to.
  var stepLosses: String?

  func perform() throws -> ExitStatus {
    try checkWritable(arguments.output)
    if let checkpoint = arguments.checkpoint { try checkWritable(checkpoint) }
    let trainer = try Trainer(recipe.model, recipe.options)
    let loop = TrainingLoop(
      trainer, recipe.training, validation: recipe.validation ?? recipe.test,
      settings: recipe.settings)
    if arguments.resume, let path = arguments.checkpoint {
      do { try loop.resume(try Checkpoint(contentsOf: path)) } catch {
        throw Failure(path, error)
      }
      printError(
        "resumed from '\(path)' after \(loop.progress.epoch) epochs "
          + "and \(loop.progress.batch) batches")
    }
    printError(
      "\(count(trainer)) parameters in \(trainer.parameters.count) tensors, "
        + "\(recipe.training.batchCount) batches per epoch")

    // A checkpoint is worth waiting for.
    Interruption.watch(patience: arguments.checkpoint == nil ? 1 : 10)
    let end: TrainingLoop.End
    var losses: [Double] = []
    do { end = try train(loop, &losses) } catch let error as TrainingError {
      guard let path = arguments.checkpoint, access(path, F_OK) == 0 else { throw error }
      throw Failure("\(error); '\(path)' has the last checkpoint")
    }
    if end == .interrupted {
      try write(losses)
      let hint = arguments.checkpoint.map { "; continue from '\($0)' with --resume" } ?? ""
      printError("interrupted after \(trainer.batchCount) batches" + hint)
      return .interrupted
    }
    if end == .stoppedEarly {
      let best = loop.progress.best?.epoch ?? 0
      printError("stopped early: validation has not improved since epoch \(best)")
    }
    let model = try loop.model
    do { try model.write(to: arguments.output) } catch { throw Failure("\(error)") }
    try write(losses)
    try writeCurves(loop.progress.history)
    if let line = try recipe.illustration?.write(model, beside: arguments.output) {
      printError(line)
    }
    if let tags = recipe.tags, let test = recipe.test {
      print(recipe.summary(try TagScore(model, test, tags: tags), tags: tags))
    } else {
      print(recipe.summary(try measure(model)))
    }
    return .fine
  }

  private func write(_ losses: [Double]) throws {
    guard let stepLosses else { return }
    try writeText(
      "step,loss\n" + losses.enumerated().map { "\($0),\($1)\n" }.joined(), to: stepLosses)
  }

  private func train(
    _ loop: TrainingLoop, _ losses: inout [Double]
  ) throws -> TrainingLoop.End {
    var progress = Progress()
    let start = ContinuousClock.now
    let before = loop.progress
    let end = try loop.run { event in
      switch event {
      case .batch(let index, let count, let result):
        if stepLosses != nil { losses.append(loop.lastLoss) }
        let done = Double(loop.progress.epoch) + Double(index) / Double(count)
        let first = Double(before.epoch) + Double(before.batch) / Double(count)
        progress.update(
          line(loop.progress.epoch, index, count, result, start, done: done, first: first))
      case .epoch(let record):
        progress.clear()
        printError(describe(record, start))
      }
      return !Interruption.isWanted
    }
    progress.clear()
    return end
  }

  private func line(
    _ epoch: Int, _ index: Int, _ count: Int, _ result: StepResult,
    _ start: ContinuousClock.Instant, done: Double, first: Double
  ) -> String {
    let width = 20
    let filled = width * index / max(count, 1)
    let bar =
      String(repeating: "#", count: filled) + String(repeating: "-", count: width - filled)
    let seconds = (.now - start).milliseconds / 1000
    let left = seconds / max(done - first, 1e-9) * (Double(recipe.settings.epochs) - done)
    return "epoch \(epoch + 1)/\(recipe.settings.epochs) [\(bar)] \(index)/\(count)  "
      + "\(recipe.brief(result))  \(clock(left)) left"
  }

  private func describe(_ record: EpochRecord, _ start: ContinuousClock.Instant) -> String {
    var result = StepResult()
    result.loss = record.loss
    var text = "epoch \(record.epoch)/\(recipe.settings.epochs)  loss \(fixed(record.loss, 4))"
    if let accuracy = record.accuracy { text += "  accuracy \(fixed(accuracy, 4))" }
    if let loss = record.validationLoss { text += "  validation loss \(fixed(loss, 4))" }
    if let accuracy = record.validationAccuracy { text += "  accuracy \(fixed(accuracy, 4))" }
    return text + "  \(clock((.now - start).milliseconds / 1000))"
  }

  /// The result of the final evaluation.
  private func measure(_ model: Model) throws -> StepResult {
    if let judge = recipe.judge {
      var result = StepResult()
      (result.correct, result.counted) = (Int((try judge(model) * 1e6).rounded()), 1e6)
      return result
    }
    let data = recipe.test ?? recipe.validation ?? recipe.training
    return try Trainer(model, recipe.options).evaluate(data)
  }

  private func writeCurves(_ history: [EpochRecord]) throws {
    guard !history.isEmpty else { return }
    let name = arguments.curves ?? withoutExtension(arguments.output) + ".curves"
    try LearningCurves(history).write(to: name)
  }

  private func count(_ trainer: Trainer) -> Int {
    let sizes = Set(trainer.parameters)
    return recipe.model.graph.initializers.filter { sizes.contains($0.name ?? "") }
      .map(\.tensor.count).reduce(0, +)
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
