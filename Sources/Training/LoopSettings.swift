extension TrainingLoop {
  /// The length of a training run, its learning rate, and its checkpoints.
  public struct Settings: Sendable {
    /// The number of passes over the training data.
    public var epochs = 10
    /// The learning rate schedule.
    public var rate = LearningRate.constant(1e-3)
    /// The number of epochs without a better validation result after which training stops; `nil` to
    /// train for all epochs.
    public var patience: Int?
    /// Whether the resulting model has the parameters of the epoch with the best validation result.
    public var keepsBest = false
    /// The criterion for the best validation result.
    public var bestIs = Best.leastLoss
    /// The checkpoint file. It is written after each epoch and when training is interrupted.
    public var checkpoint: String?
    /// The number of batches between checkpoints within an epoch.
    public var checkpointEvery: Int?
    /// A description of everything that must not change between a checkpoint and its resume. A
    /// checkpoint with another description is refused.
    public var configuration = ""

    /// Creates the default settings.
    public init() {}
  }

  /// A criterion for comparing validation results.
  public enum Best: Sendable {
    /// The lowest loss.
    case leastLoss
    /// The highest accuracy.
    case mostAccurate

    /// A number that is lower for better results.
    func score(_ result: StepResult) -> Double {
      self == .mostAccurate ? 1 - (result.accuracy ?? 0) : result.loss
    }
  }
}
