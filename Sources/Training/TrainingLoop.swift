import ONNXFormat

/// Epochs of training with validation, early stopping and checkpoints.
public final class TrainingLoop {
  public let trainer: Trainer
  public private(set) var progress = TrainingProgress()
  /// The loss of the last batch.
  public private(set) var lastLoss = 0.0
  private let training: any BatchSource
  private let validation: (any BatchSource)?
  private let settings: TrainingSettings
  private var best: [String: Tensor] = [:]

  public init(
    _ trainer: Trainer, _ training: any BatchSource, validation: (any BatchSource)? = nil,
    settings: TrainingSettings
  ) {
    self.trainer = trainer
    self.training = training
    self.validation = validation
    self.settings = settings
  }

  /// What a training's observer is told.
  public enum Event {
    /// A batch is done; the result is the epoch's so far.
    case batch(index: Int, of: Int, StepResult)
    case epoch(EpochRecord)
    /// The loop is about to write, or wrote, a checkpoint.
    case checkpoint
  }

  /// Why a training ended.
  public enum End: Sendable { case finished, stoppedEarly, interrupted }

  /// Goes on where a checkpoint stands.
  /// - Throws: `TrainingError.checkpoint` where it belongs to another training.
  public func resume(_ checkpoint: Checkpoint) throws {
    guard checkpoint.configuration == settings.configuration else {
      throw TrainingError.checkpoint(
        "it was written with other settings: \(checkpoint.configuration ?? "none")"
          + ", not \(settings.configuration)")
    }
    guard checkpoint.progress.batch <= training.batchCount else {
      throw TrainingError.checkpoint("it has more batches in an epoch than the data")
    }
    best = try checkpoint.restore(trainer)
    progress = checkpoint.progress
  }

  /// Trains until the epochs are over, validation has not got better for long enough, or
  /// `observe` says so.
  /// - Parameter observe: told of every batch and epoch; `false` stops the training, with a
  ///   checkpoint
  public func run(_ observe: (Event) throws -> Bool) throws -> End {
    while progress.epoch < settings.epochs {
      if isStale { return .stoppedEarly }
      guard try runEpoch(observe) else {
        try writeCheckpoint()
        return .interrupted
      }
      try writeCheckpoint()
    }
    return .finished
  }

  /// The model with the parameters that did best in validation, or the last ones where those are not
  /// kept.
  public var model: Model {
    get throws {
      var model = try trainer.model
      for index in model.graph.initializers.indices {
        guard let tensor = best[model.graph.initializers[index].name ?? ""] else { continue }
        model.graph.initializers[index].tensor = tensor
      }
      return model
    }
  }

  private var isStale: Bool {
    guard let patience = settings.patience, let best = progress.best else { return false }
    return progress.epoch - best.epoch > patience
  }

  private func runEpoch(_ observe: (Event) throws -> Bool) throws -> Bool {
    let count = training.batchCount
    let epoch = progress.epoch
    let batches = Prefetcher(training, epochs: epoch..<epoch + 1, from: progress.batch)
    while progress.batch < count, let item = try batches.next() {
      let result = try trainer.train(on: item.batch, rate: rate(batch: progress.batch))
      lastLoss = result.loss
      progress.sum.add(result)
      progress.batch += 1
      guard try observe(.batch(index: progress.batch, of: count, progress.sum)) else {
        return false
      }
      if let every = settings.checkpointEvery, trainer.batchCount.isMultiple(of: every) {
        try writeCheckpoint()
      }
    }
    let result = try validation.map { try trainer.evaluate($0) }
    let record = EpochRecord(
      epoch: epoch + 1, rate: rate(batch: count - 1), loss: progress.sum.loss,
      accuracy: progress.sum.accuracy,
      validationLoss: result?.loss, validationAccuracy: result?.accuracy)
    progress.history.append(record)
    if let score = result.map(settings.bestIs.score), score < progress.best?.score ?? .infinity {
      progress.best = (score, epoch + 1)
      if settings.keepsBest {
        for name in trainer.state.tensors.keys { best[name] = trainer.state[name] }
      }
    }
    progress.epoch += 1
    progress.batch = 0
    progress.sum = StepResult()
    return try observe(.epoch(record))
  }

  /// The learning rate of a batch of the current epoch.
  private func rate(batch: Int) -> Double {
    settings.rate.rate(
      epoch: Double(progress.epoch) + Double(batch) / Double(training.batchCount),
      of: Double(settings.epochs))
  }

  /// Writes where the training is, if it is to be written anywhere.
  public func writeCheckpoint() throws {
    guard let path = settings.checkpoint else { return }
    try Checkpoint(trainer, progress, configuration: settings.configuration, best: best)
      .write(to: path)
  }
}

/// How long a training goes on, and where it is kept.
public struct TrainingSettings: Sendable {
  public var epochs = 10
  public var rate = LearningRate.constant(1e-3)
  /// Epochs without a better result in validation before the training stops; `nil` for never.
  public var patience: Int?
  /// Whether the parameters with the best result in validation are what comes out.
  public var keepsBest = false
  /// Which result is better.
  public var bestIs = Best.leastLoss

  public enum Best: Sendable {
    case leastLoss, mostAccurate

    /// A number that is less for better results.
    func score(_ result: StepResult) -> Double {
      self == .mostAccurate ? 1 - (result.accuracy ?? 0) : result.loss
    }
  }

  /// The file for checkpoints: one is written after each epoch, and when the training is stopped.
  public var checkpoint: String?
  /// Batches between checkpoints within an epoch.
  public var checkpointEvery: Int?
  /// Everything that has to be the same for a resume to make sense.
  public var configuration = ""

  public init() {}
}
