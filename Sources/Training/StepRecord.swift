/// A step of a training loop, as its callback gets it.
public struct StepRecord: Sendable {
  /// The epoch's number, from 1.
  public var epoch: Int
  /// The number of the batch in the epoch, from 1.
  public var step: Int
  /// The number of batches in an epoch.
  public var stepCount: Int
  /// The learning rate.
  public var rate: Double
  /// The loss, accuracy and gradient norm of the batch.
  public var result: StepResult
  /// The mean result of the epoch so far.
  public var mean: StepResult

  /// The loss of the batch.
  public var loss: Double { result.loss }
}
