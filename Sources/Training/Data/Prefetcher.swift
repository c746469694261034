import ONNXFormat

/// Makes the batches of a source in order and ahead of time, on a separate thread.
///
/// At most `depth` finished batches wait to be used. If the source throws an error, `next()` throws it
/// in place of the batch, and the prefetcher stops. The thread ends when the prefetcher is
/// deinitialized, after the batch that it is making.
public final class Prefetcher: Sendable {
  /// A batch and its position.
  public struct Item: Sendable {
    /// The epoch.
    public let epoch: Int
    /// The position in the epoch.
    public let index: Int
    /// The batch.
    public let batch: Batch
  }

  private let queue: BoundedQueue<Item>
  private let thread: WorkThread?

  /// Starts a thread that makes batches.
  /// - Parameters:
  ///   - epochs: The epochs.
  ///   - index: The first batch of the first epoch.
  ///   - depth: The number of finished batches that may wait.
  public init(_ source: any BatchSource, epochs: Range<Int>, from index: Int = 0, depth: Int = 2) {
    precondition(index >= 0 && depth > 0, "a prefetcher starts at a batch and holds at least one")
    let queue = BoundedQueue<Item>(depth: depth)
    self.queue = queue
    do throws(ThreadError) {
      thread = try WorkThread {
        var first = index
        do {
          for epoch in epochs {
            for index in first..<max(first, source.batchCount) {
              let batch = try source.batch(epoch: epoch, index: index)
              guard queue.put(Item(epoch: epoch, index: index, batch: batch)) else { return }
            }
            first = 0
          }
          queue.finish()
        } catch { queue.finish(error) }
      }
    } catch {
      thread = nil
      queue.finish(DataError(error.description))
    }
  }

  deinit {
    queue.cancel()
    thread?.join()
  }

  /// Waits for the next batch.
  /// - Returns: The batch; `nil` after the last one or after `cancel()`.
  /// - Throws: The error that the source threw in place of the batch, on every further call too.
  public func next() throws -> Item? { try queue.take() }

  /// Stops the prefetcher. Waiting batches are dropped, and calls of `next()` return `nil`.
  public func cancel() { queue.cancel() }
}
