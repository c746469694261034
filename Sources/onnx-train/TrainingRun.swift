import Glibc
import ONNX
import ToolSupport

/// Trains by a recipe and prints progress and results.
struct TrainingRun {
  var recipe: Recipe
  let arguments: TrainingArguments
  /// What has read the picture files.
  var reader: PictureReader?
  /// The file to draw augmented pictures to.
  var sheet: String?
  /// The file to write the loss of every step to.
  var stepLosses: String?
  /// Whether another run follows.
  var isPretraining = false

  func perform() throws -> ExitStatus {
    for path in arguments.outputs + [stepLosses, sheet] {
      if let path { try checkWritable(path) }
    }
    guard arguments.patience == nil || recipe.validation != nil else {
      throw Failure("--patience needs validation data; see --validation-share")
    }
    try drawAugmented()
    if arguments.findRate { return try findRate() }
    let checkpoint = try checkpoint()
    let runs = recipe.pretraining + [recipe]
    // A checkpoint has all parameters, those that earlier runs end with too.
    let first =
      checkpoint.map { checkpoint in
        runs.firstIndex { $0.settings.configuration == checkpoint.configuration }
          ?? runs.count - 1
      } ?? 0
    var model = recipe.model
    var history: [EpochRecord] = []
    for (index, run) in runs.enumerated().dropFirst(first) {
      var part = self
      part.recipe = run
      part.recipe.model = model
      part.isPretraining = index < runs.count - 1
      guard let loop = try part.fit(index == first ? checkpoint : nil) else {
        return .interrupted
      }
      model = try loop.model
      history = loop.progress.history
    }
    let result = recipe.result(model)
    do { try result.write(to: arguments.output) } catch { throw Failure("\(error)") }
    try writeCurves(history)
    if let line = try recipe.illustration?.write(result, beside: arguments.output) {
      printError(line)
    }
    if let tags = recipe.tags, let test = recipe.test {
      print(recipe.summary(try TagScore(model, test, tags: tags), tags: tags))
    } else {
      print(recipe.summary(try measure(model)))
    }
    return .fine
  }

  /// Trains by the recipe alone, without its pretraining.
  /// - Parameter checkpoint: The state to continue from; `nil` to begin.
  /// - Returns: The completed loop; `nil` if it was interrupted.
  private func fit(_ checkpoint: Checkpoint?) throws -> TrainingLoop? {
    if let title = recipe.title { printError(title) }
    let trainer = try Trainer(recipe.model, recipe.options)
    for (part, labels) in recipe.labels {
      try naming { try trainer.check(labels: labels, in: part) }
    }
    let loop = TrainingLoop(
      trainer, recipe.training, validation: recipe.validation, settings: recipe.settings)
    if let checkpoint { try resume(loop, checkpoint) }
    printError(
      "\(count(trainer)) parameters in \(trainer.parameters.count) tensors, "
        + "\(recipe.training.batchCount) batches per epoch")

    // A checkpoint is worth waiting for.
    Interruption.watch(patience: arguments.checkpoint == nil ? 1 : 10)
    let end: TrainingLoop.End
    var losses: [Double] = []
    do { end = try naming { try train(loop, &losses) } } catch let error as TrainingError {
      guard let path = arguments.checkpoint, access(path, F_OK) == 0 else { throw error }
      throw Failure("\(error); '\(path)' has the last checkpoint")
    }
    try write(losses)
    if end == .interrupted {
      let hint = arguments.checkpoint.map { "; continue from '\($0)' with --resume" } ?? ""
      printError("interrupted after \(trainer.batchCount) batches" + hint)
      return nil
    }
    if end == .stoppedEarly {
      let best = loop.progress.best?.epoch ?? 0
      printError("stopped early: validation has not improved since epoch \(best)")
    }
    if recipe.settings.keepsBest, let best = loop.progress.best {
      printError("kept the parameters of epoch \(best.epoch), the best by \(criterion(best.score))")
    }
    return loop
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
    let before = loop.progress
    let end = try loop.run(
      onStep: { step in
        if stepLosses != nil { losses.append(step.loss) }
        progress.update(line(step, loop, from: before))
        if Interruption.isWanted { loop.stop() }
      },
      onEpoch: { record in
        progress.clear()
        if record.epoch == before.epoch + 1, let note = reader?.note { printError(note) }
        printError(describe(record, loop.elapsed))
        if Interruption.isWanted { loop.stop() }
      })
    progress.clear()
    return end
  }

  private func line(
    _ step: StepRecord, _ loop: TrainingLoop, from before: TrainingProgress
  ) -> String {
    let width = 20
    let filled = width * step.step / max(step.stepCount, 1)
    let bar =
      String(repeating: "#", count: filled) + String(repeating: "-", count: width - filled)
    let count = Double(step.stepCount)
    let done = Double(step.epoch - 1) + Double(step.step) / count
    let first = Double(before.epoch) + Double(before.batch) / count
    let left =
      loop.elapsed.milliseconds / 1000 / max(done - first, 1e-9)
      * (Double(recipe.settings.epochs) - done)
    return "epoch \(step.epoch)/\(recipe.settings.epochs) [\(bar)] \(step.step)/\(step.stepCount)  "
      + "\(recipe.brief(step.mean))  \(clock(left)) left"
  }

  private func describe(_ record: EpochRecord, _ elapsed: Duration) -> String {
    var result = StepResult()
    result.loss = record.loss
    var text = "epoch \(record.epoch)/\(recipe.settings.epochs)  loss \(fixed(record.loss, 4))"
    if let accuracy = record.accuracy { text += "  accuracy \(fixed(accuracy, 4))" }
    if let loss = record.validationLoss { text += "  validation loss \(fixed(loss, 4))" }
    if let accuracy = record.validationAccuracy { text += "  accuracy \(fixed(accuracy, 4))" }
    return text + "  \(clock(elapsed.milliseconds / 1000))"
  }

  /// The result of the final evaluation.
  private func measure(_ model: Model) throws -> StepResult {
    if let judge = recipe.judge {
      var result = StepResult()
      (result.correct, result.counted) = (Int((try judge(model) * 1e6).rounded()), 1e6)
      return result
    }
    let trainer = try Trainer(model, recipe.options)
    guard let data = recipe.test ?? recipe.validation else {
      return try trainer.evaluate(recipe.training)
    }
    guard recipe.measure == .accuracy, let count = trainer.classCount,
      (2...ConfusionReport.mostClasses).contains(count)
    else { return try trainer.evaluate(data) }
    var matrix = ConfusionMatrix(classCount: count)
    let result = try trainer.evaluate(data) { matrix.add(labels: $0, predicted: $1) }
    try ConfusionReport(matrix, recipe.classNames).write(withoutExtension(arguments.output))
    return result
  }

  private func writeCurves(_ history: [EpochRecord]) throws {
    guard !history.isEmpty else { return }
    try LearningCurves(history).write(to: arguments.curvesName)
  }

  private func count(_ trainer: Trainer) -> Int {
    let sizes = Set(trainer.parameters)
    return recipe.model.graph.initializers.filter { sizes.contains($0.name ?? "") }
      .map(\.tensor.count).reduce(0, +)
  }
}
