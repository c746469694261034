/// A bounded queue between two threads. The lock guards all of its state.
package final class BoundedQueue<Item: Sendable>: @unchecked Sendable {
  private let depth: Int
  private var waiting: [Item] = []
  private var failure: (any Error)?
  private var isFinished = false
  private var isCancelled = false
  private let monitor = Monitor()

  /// - Parameter depth: how many items may wait
  package init(depth: Int) { self.depth = depth }

  private func locked<R>(_ body: () throws -> R) rethrows -> R {
    try monitor.locked {
      defer { monitor.wakeAll() }
      return try body()
    }
  }

  /// Waits for space and appends an item.
  /// - Returns: whether more items are wanted
  package func put(_ item: Item) -> Bool {
    locked {
      while waiting.count >= depth && !isCancelled { monitor.wait() }
      if !isCancelled { waiting.append(item) }
      return !isCancelled
    }
  }

  /// States that no more items come.
  /// - Parameter error: thrown to the taker after the last item
  package func finish(_ error: (any Error)? = nil) {
    locked {
      isFinished = true
      failure = error
    }
  }

  /// States that no more items are wanted. Those that wait are dropped.
  package func cancel() {
    locked {
      isCancelled = true
      waiting.removeAll()
    }
  }

  /// Waits for the next item.
  /// - Returns: the item; `nil` after the last one or after `cancel()`
  /// - Throws: the error that was given to `finish`, on every further call too
  package func take() throws -> Item? {
    try locked {
      while waiting.isEmpty && !isFinished && !isCancelled { monitor.wait() }
      if isCancelled { return nil }
      if !waiting.isEmpty { return waiting.removeFirst() }
      if let failure { throw failure }
      return nil
    }
  }
}
