import ONNXFormat

/// What one step of training is given.
public struct Batch: Sendable {
  /// Tensors by the name of the graph's input: data, labels, masks.
  public var tensors: [String: Tensor]
  /// How many examples (or predictions) the loss is the mean of.
  public var count: Int
  /// Whether states carried from step to step begin at zero with this batch.
  public var startsState: Bool

  public init(_ tensors: [String: Tensor], count: Int, startsState: Bool = false) {
    self.tensors = tensors
    self.count = count
    self.startsState = startsState
  }
}

/// Gives batches. A batch follows from its epoch and its number alone, so that it may be made on
/// any thread, ahead of time, and again after a resume.
public protocol BatchSource: Sendable {
  /// How many batches an epoch has.
  var batchCount: Int { get }
  /// - Parameters:
  ///   - epoch: from 0; decides the shuffle
  ///   - index: the batch's number in the epoch
  /// - Throws: an error that says which datum is wrong.
  func batch(epoch: Int, index: Int) throws -> Batch
}
