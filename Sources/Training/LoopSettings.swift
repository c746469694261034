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
  public enum Best: Sendable, Hashable {
    /// The lowest loss.
    case leastLoss
    /// The highest accuracy.
    case mostAccurate
    /// The highest figure of a metric.
    case highest(String)
    /// The lowest figure of a metric.
    case lowest(String)

    /// A number that is lower for better results.
    func score(_ result: StepResult) -> Double {
      switch self {
      case .leastLoss: result.loss
      case .mostAccurate: 1 - (result.accuracy ?? 0)
      case .highest(let name): -(result.metrics[name] ?? -.infinity)
      case .lowest(let name): result.metrics[name] ?? .infinity
      }
    }

    /// - Throws: `TrainingError.model` if the metric does not exist.
    func check(_ options: TrainingOptions) throws(TrainingError) {
      switch self {
      case .highest(let name), .lowest(let name):
        guard options.metrics[name] == nil else { return }
        throw .model(
          "the best epoch is to be chosen by \(name.quoted), which is not among the metrics: "
            + (options.metrics.isEmpty
              ? "there are none" : options.metrics.keys.sorted().joined(separator: ", ")))
      case .leastLoss, .mostAccurate: return
      }
    }
  }
}
