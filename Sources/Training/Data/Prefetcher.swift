import Glibc

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

  private let queue: PrefetchQueue
  private let thread: pthread_t?

  /// Starts a thread that makes batches.
  /// - Parameters:
  ///   - epochs: The epochs.
  ///   - index: The first batch of the first epoch.
  ///   - depth: The number of finished batches that may wait.
  public init(_ source: any BatchSource, epochs: Range<Int>, from index: Int = 0, depth: Int = 2) {
    precondition(index >= 0 && depth > 0, "a prefetcher starts at a batch and holds at least one")
    let queue = PrefetchQueue(depth: depth)
    self.queue = queue
    let work = ThreadWork {
      var first = index
      for epoch in epochs {
        for index in first..<max(first, source.batchCount) {
          if queue.isCancelled { return }
          let result = Result {
            Item(
              epoch: epoch, index: index, batch: try source.batch(epoch: epoch, index: index))
          }
          guard queue.put(result) else { return }
        }
        first = 0
      }
      queue.finish()
    }
    var thread = pthread_t()
    let argument = Unmanaged.passRetained(work)
    let status = pthread_create(
      &thread, nil,
      { argument in
        if let argument {
          Unmanaged<ThreadWork>.fromOpaque(argument).takeRetainedValue().body()
        }
        return nil
      }, argument.toOpaque())
    if status == 0 {
      self.thread = thread
    } else {
      argument.release()
      self.thread = nil
      _ = queue.put(
        .failure(
          DataError("cannot start a thread for batches: \(String(cString: strerror(status)))")))
    }
  }

  deinit {
    queue.cancel()
    if let thread { pthread_join(thread, nil) }
  }

  /// Waits for the next batch.
  /// - Returns: The batch; `nil` after the last one or after `cancel()`.
  /// - Throws: The error that the source threw in place of the batch, on every further call too.
  public func next() throws -> Item? { try queue.take() }

  /// Stops the prefetcher. Waiting batches are dropped, and calls of `next()` return `nil`.
  public func cancel() { queue.cancel() }
}

/// What a thread does.
final class ThreadWork: Sendable {
  let body: @Sendable () -> Void
  init(_ body: @escaping @Sendable () -> Void) { self.body = body }
}

/// A bounded queue between two threads. The lock guards all of its state.
private final class PrefetchQueue: @unchecked Sendable {
  private let depth: Int
  private var waiting: [Prefetcher.Item] = []
  private var failure: (any Error)?
  private var isFinished = false
  private var wasCancelled = false
  private let monitor = Monitor()

  init(depth: Int) { self.depth = depth }

  private func locked<R>(_ body: () throws -> R) rethrows -> R {
    try monitor.locked {
      defer { monitor.wakeAll() }
      return try body()
    }
  }

  var isCancelled: Bool { locked { wasCancelled } }

  /// Waits for space and appends a batch.
  /// - Returns: Whether more batches are wanted.
  func put(_ result: Result<Prefetcher.Item, any Error>) -> Bool {
    locked {
      while waiting.count >= depth && !wasCancelled { monitor.wait() }
      if wasCancelled { return false }
      switch result {
      case .success(let item):
        waiting.append(item)
        return true
      case .failure(let error):
        failure = error
        return false
      }
    }
  }

  func finish() { locked { isFinished = true } }

  func cancel() {
    locked {
      wasCancelled = true
      waiting.removeAll()
    }
  }

  func take() throws -> Prefetcher.Item? {
    try locked {
      while waiting.isEmpty && failure == nil && !isFinished && !wasCancelled {
        monitor.wait()
      }
      if wasCancelled { return nil }
      if !waiting.isEmpty { return waiting.removeFirst() }
      if let failure { throw failure }
      return nil
    }
  }
}
