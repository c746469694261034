import Glibc
import ONNXSupport

/// A bounded queue between two threads. The lock guards all of its state.
final class BoundedQueue<Item: Sendable>: @unchecked Sendable {
  private let depth: Int
  private var waiting: [Item] = []
  private var failure: (any Error)?
  private var isFinished = false
  private var isCancelled = false
  private let monitor = Monitor()

  init(depth: Int) { self.depth = depth }

  private func locked<R>(_ body: () throws -> R) rethrows -> R {
    try monitor.locked {
      defer { monitor.wakeAll() }
      return try body()
    }
  }

  /// Waits for space and appends an item.
  /// - Returns: whether more items are wanted
  func put(_ item: Item) -> Bool {
    locked {
      while waiting.count >= depth && !isCancelled { monitor.wait() }
      if !isCancelled { waiting.append(item) }
      return !isCancelled
    }
  }

  /// States that no more items come.
  /// - Parameter error: thrown to the reader after the last item
  func finish(_ error: (any Error)? = nil) {
    locked {
      isFinished = true
      failure = error
    }
  }

  /// States that no more items are wanted.
  func cancel() {
    locked {
      isCancelled = true
      waiting.removeAll()
    }
  }

  /// Waits for the next item; `nil` after the last one.
  func take() throws -> Item? {
    try locked {
      while waiting.isEmpty && !isFinished { monitor.wait() }
      if !waiting.isEmpty { return waiting.removeFirst() }
      if let failure { throw failure }
      return nil
    }
  }
}

/// A thread that runs a closure to its end.
final class Worker {
  private var thread = pthread_t()

  private final class Work: Sendable {
    let body: @Sendable () -> Void
    init(_ body: @escaping @Sendable () -> Void) { self.body = body }
  }

  /// - Throws: `Failure` if the thread cannot be started
  init(_ body: @escaping @Sendable () -> Void) throws(Failure) {
    let argument = Unmanaged.passRetained(Work(body))
    let status = pthread_create(
      &thread, nil,
      { argument in
        if let argument { Unmanaged<Work>.fromOpaque(argument).takeRetainedValue().body() }
        return nil
      }, argument.toOpaque())
    guard status == 0 else {
      argument.release()
      throw Failure("cannot start a thread: \(String(cString: strerror(status)))")
    }
  }

  func join() { pthread_join(thread, nil) }
}
