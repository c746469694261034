import ONNXFormat
import ONNXInterpreter

/// Trains for several epochs, with validation, early stopping and checkpoints.
public final class TrainingLoop {
  /// The trainer that makes the steps.
  public let trainer: Trainer
  /// The epochs and batches completed, and their results.
  public private(set) var progress = TrainingProgress()
  let training: any BatchSource
  let validation: (any BatchSource)?
  let settings: Settings
  private var best: [String: Tensor] = [:]
  private var start: ContinuousClock.Instant?

  /// Creates a loop.
  /// - Parameters:
  ///   - training: The batches to train on.
  ///   - validation: The batches evaluated after each epoch.
  public init(
    _ trainer: Trainer, _ training: any BatchSource, validation: (any BatchSource)? = nil,
    settings: Settings
  ) {
    self.trainer = trainer
    self.training = trainer.shards(of: training)
    self.validation = validation
    self.settings = settings
    progress.epochs = settings.epochs
  }

  /// The reason why `run` returned.
  public enum End: Sendable {
    /// All epochs are complete.
    case finished
    /// Validation did not improve for more epochs than `Settings.patience`.
    case stoppedEarly
    /// A callback called `stop()`.
    case interrupted
  }

  /// Restores the state that a checkpoint holds. Its run may have been planned for another number of
  /// epochs; the learning rate then follows the schedule of the new number from here.
  /// - Throws: `TrainingError.checkpoint` if it belongs to another training run, or has completed more
  ///   epochs than `Settings.epochs`.
  public func resume(_ checkpoint: Checkpoint) throws(TrainingError) {
    guard checkpoint.configuration == settings.configuration else {
      throw .checkpoint(
        "it was written with other settings: '\(checkpoint.configuration ?? "")', "
          + "now '\(settings.configuration)'; resume with the same options")
    }
    guard checkpoint.progress.batch <= training.batchCount else {
      throw .checkpoint(
        "it is at batch \(checkpoint.progress.batch) of an epoch, "
          + "but the data has only \(training.batchCount) batches")
    }
    guard checkpoint.progress.epoch <= settings.epochs else {
      throw .checkpoint(
        "it has completed \(checkpoint.progress.epoch) epochs, more than the \(settings.epochs) "
          + "to train for")
    }
    best = try checkpoint.restore(trainer)
    progress = checkpoint.progress
    progress.epochs = settings.epochs
  }

  /// The time since `run` was called.
  public var elapsed: Duration { start.map { .now - $0 } ?? .zero }

  /// Ends `run` after the current step or epoch. It writes a checkpoint before it returns. To be called
  /// by a callback. If several ranks train together, any of them may call it; all end after the next step
  /// then, if there is one.
  public func stop() { trainer.wantsEnd = true }

  /// Trains until all epochs are complete, validation stops improving, or a callback calls `stop()`.
  /// - Parameters:
  ///   - onStep: Called after every batch.
  ///   - onEpoch: Called after every epoch and its validation.
  /// - Throws: `TrainingError`, and errors of the batch sources and of the callbacks.
  @discardableResult
  public func run(
    onStep: (StepRecord) throws -> Void = { _ in },
    onEpoch: (EpochRecord) throws -> Void = { _ in }
  ) throws -> End {
    try settings.bestIs.check(trainer.options)
    start = .now
    trainer.wantsEnd = false
    while progress.epoch < settings.epochs {
      if isStale { return .stoppedEarly }
      try runEpoch(onStep, onEpoch)
      try writeCheckpoint()
      if trainer.ends { return .interrupted }
    }
    return .finished
  }

  /// The model with its current parameters, or with those of the best epoch if
  /// `Settings.keepsBest` is set.
  /// - Throws: `ModelError`
  public var model: Model {
    get throws(ModelError) {
      var model = try trainer.model
      for index in model.graph.initializers.indices {
        guard let tensor = best[model.graph.initializers[index].name ?? ""] else { continue }
        model.graph.initializers[index].tensor = tensor
      }
      return model
    }
  }

  /// Whether an epoch is the best so far. Of two epochs with the same accuracy, it is that with the
  /// lower loss.
  private func isBest(_ score: Double, _ record: EpochRecord) -> Bool {
    guard let best = progress.best, score == best.score,
      let old = progress.history.first(where: { $0.epoch == best.epoch })?.validationLoss,
      let new = record.validationLoss
    else { return score < progress.best?.score ?? .infinity }
    return new < old
  }

  private var isStale: Bool {
    guard let patience = settings.patience, let best = progress.best else { return false }
    return progress.epoch - best.epoch > patience
  }

  private func runEpoch(
    _ onStep: (StepRecord) throws -> Void, _ onEpoch: (EpochRecord) throws -> Void
  ) throws {
    try checkRanksAgree()
    let count = training.batchCount
    let epoch = progress.epoch
    let batches = Prefetcher(training, epochs: epoch..<epoch + 1, from: progress.batch)
    while progress.batch < count, let item = try batches.next() {
      let rate = rate(batch: progress.batch)
      let result = try trainer.train(on: item.batch, rate: rate)
      progress.sum.add(result)
      progress.batch += 1
      try onStep(
        StepRecord(
          epoch: epoch + 1, step: progress.batch, stepCount: count, rate: rate, result: result,
          mean: progress.sum))
      if trainer.ends { return }
      if let every = settings.checkpointEvery, trainer.batchCount.isMultiple(of: every) {
        try writeCheckpoint()
      }
    }
    let result = try validation.map { try trainer.evaluate($0) }
    let record = EpochRecord(
      epoch: epoch + 1, rate: rate(batch: count - 1), loss: progress.sum.loss,
      accuracy: progress.sum.accuracy,
      validationLoss: result?.loss, validationAccuracy: result?.accuracy,
      metrics: result?.metrics ?? [:])
    progress.history.append(record)
    if let score = result.map(settings.bestIs.score), isBest(score, record) {
      progress.best = (score, epoch + 1)
      if settings.keepsBest {
        for name in trainer.state.tensors.keys { best[name] = trainer.state[name] }
      }
    }
    progress.epoch += 1
    progress.batch = 0
    progress.sum = StepResult()
    try onEpoch(record)
  }

  /// The learning rate of a batch of the current epoch.
  private func rate(batch: Int) -> Double {
    settings.rate.rate(
      epoch: Double(progress.epoch) + Double(batch) / Double(training.batchCount),
      of: Double(settings.epochs))
  }

  /// Writes a checkpoint. If several ranks train together, all call it, and the first one writes.
  /// - Parameter path: The file; `nil` for `Settings.checkpoint`, if that is set.
  /// - Throws: `TrainingError.file` if the file cannot be written.
  public func writeCheckpoint(to path: String? = nil) throws(TrainingError) {
    guard let path = path ?? settings.checkpoint else { return }
    let states = try trainer.gatheredStates()
    guard trainer.isFirstRank else { return }
    let checkpoint = try TrainingError.wrapping { () throws(ModelError) in
      try Checkpoint(
        trainer, progress, configuration: settings.configuration, best: best, states: states)
    }
    do throws(FormatError) { try checkpoint.write(to: path) } catch { throw .file(error) }
  }
}
