/// Adds up tensors over the shards of a batch, whichever process computes them.
///
/// A batch is cut into a fixed number of shards. The sums go up a binary tree over the shards, so that
/// their bits do not depend on the number of processes, nor on the order in which shards are computed.
/// The node `AllReduce` of a training step gives each tensor to the exchange as soon as it is made, and
/// large sums are sent while earlier layers are still differentiated.
public protocol GradientExchange: AnyObject, Sendable {
  /// Takes a shard's term of a sum. It copies or adds the elements before it returns, and does not wait
  /// for other processes.
  /// - Parameters:
  ///   - elements: The term.
  ///   - slot: The number of the sum.
  ///   - shard: The number of the shard in the batch.
  /// - Throws: `OperatorError` if the sum has another size, or another process has failed.
  func add(_ elements: UnsafeRawBufferPointer, slot: Int, shard: Int) throws(OperatorError)

  /// Takes a shard's term of a sum, waits for those of all other shards, and writes the sum.
  /// - Throws: `OperatorError` if another shard or process has failed.
  func sum(
    _ elements: UnsafeRawBufferPointer, into result: UnsafeMutableRawBufferPointer, slot: Int,
    shard: Int
  ) throws(OperatorError)
}
