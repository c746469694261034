import ONNXFormat

/// The input of a training step.
public struct Batch: Sendable {
  /// The tensors by the name of the graph's input: data, labels, masks.
  public var tensors: [String: Tensor]
  /// The number of examples or predictions that the loss is the mean of.
  public var count: Int
  /// Whether the states of a recurrent model are reset to zero before this batch.
  public var startsState: Bool
  /// The shards of one rank, in place of `tensors`; empty for a whole batch.
  var shards: [BatchShard] = []

  /// Creates a batch.
  public init(_ tensors: [String: Tensor], count: Int, startsState: Bool = false) {
    self.tensors = tensors
    self.count = count
    self.startsState = startsState
  }
}

/// A source of batches.
///
/// A batch must depend on its epoch and index only, so that it can be made on any thread, ahead of
/// time, and again after a resume.
public protocol BatchSource: Sendable {
  /// The number of batches per epoch.
  var batchCount: Int { get }
  /// Makes a batch.
  /// - Parameters:
  ///   - epoch: The epoch, from 0. It determines the shuffle.
  ///   - index: The position of the batch in the epoch.
  /// - Throws: An error that names the faulty data. The sources of this module throw `DataError`.
  func batch(epoch: Int, index: Int) throws -> Batch
  /// Makes a part of a batch. By default, it cuts it out of the batch.
  /// - Parameters:
  ///   - number: The number of the shard.
  ///   - count: The number of shards in a batch.
  ///   - epoch: The epoch, from 0.
  ///   - index: The position of the batch in the epoch.
  /// - Throws: An error that names the faulty data; `DataError` if the first axes of the batch's tensors
  ///   do not have the same size.
  func shard(_ number: Int, of count: Int, epoch: Int, index: Int) throws -> BatchShard
}
