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
  /// Whether a model with more classes than the data is worth a hint.
  var hintsHead = false
  /// Whether another run follows.
  var isPretraining = false
  /// The processes that train together.
  var communicator: (any Communicator)?
  /// Whether this process writes the files.
  var isFirst: Bool { communicator?.rank ?? 0 == 0 }

  func perform() throws -> ExitStatus {
    for path in isFirst ? arguments.outputs + [stepLosses, sheet] : [] {
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
      part.recipe.exported = recipe.exported
      part.isPretraining = index < runs.count - 1
      guard let loop = try part.fit(index == first ? checkpoint : nil) else {
        return .interrupted
      }
      model = try loop.model
      history = loop.progress.history
    }
    guard isFirst else { return .fine }
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
    let trainer = try Trainer(recipe.model, recipe.options, communicator: communicator)
    for (part, labels) in recipe.labels {
      try naming { try trainer.check(labels: labels, in: part) }
    }
    try checkClasses(trainer)
    let loop = TrainingLoop(
      trainer, recipe.training, validation: recipe.validation, settings: recipe.settings)
    if let checkpoint { try resume(loop, checkpoint) }
    let firstStep = trainer.batchCount
    let batches = recipe.training.batchCount
    printError(
      "\(count(trainer)) parameters in \(trainer.parameters.count) tensors, "
        + "\(batches) \(batches == 1 ? "batch" : "batches") per epoch")
    if communicator != nil, arguments.threads == nil, let remark = Ranks.idleCPUs {
      printError("note: \(remark)")
    }

    // What there is is worth waiting for.
    Interruption.watch(patience: 60, rank: communicator?.rank)
    let end: TrainingLoop.End
    var losses: [Double] = []
    do { end = try naming { try train(loop, &losses) } } catch let error as TrainingError {
      guard let path = arguments.checkpoint, access(path, F_OK) == 0 else { throw error }
      throw Failure("\(error); '\(path)' has the last checkpoint")
    }
    if isFirst { try write(losses, from: firstStep) }
    if end == .interrupted { try writeInterrupted(loop) }
    Interruption.unwatch()
    if end == .interrupted { return nil }
    if end == .stoppedEarly {
      let best = loop.progress.best?.epoch ?? 0
      printError("stopped early: validation has not improved since epoch \(best)")
    }
    if recipe.settings.keepsBest, let best = loop.progress.best {
      printError("kept the parameters of epoch \(best.epoch), the best by \(criterion(best.score))")
    }
    return loop
  }

  private func train(
    _ loop: TrainingLoop, _ losses: inout [Double]
  ) throws -> TrainingLoop.End {
    var progress = Progress(isLogged: true)
    let before = loop.progress
    let end = try loop.run(
      onStep: { step in
        if stepLosses != nil { losses.append(step.loss) }
        if step.step == step.stepCount, step.mean.counted == 0 { throw nothingCounted }
        progress.update(line(step, loop, from: before))
        if Interruption.isWanted { loop.stop() }
      },
      onEpoch: { record in
        progress.clear()
        if record.epoch == before.epoch + 1, let note = reader?.note { printError(note) }
        printError(describe(record, seconds: loop.elapsed.milliseconds / 1000))
        if Interruption.isWanted { loop.stop() }
      })
    progress.clear()
    return end
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

  func writeCurves(_ history: [EpochRecord]) throws {
    guard !history.isEmpty else { return }
    try LearningCurves(history).write(to: arguments.curvesName)
  }

  private func count(_ trainer: Trainer) -> Int {
    let sizes = Set(trainer.parameters)
    return recipe.model.graph.initializers.filter { sizes.contains($0.name ?? "") }
      .map(\.tensor.count).reduce(0, +)
  }
}
