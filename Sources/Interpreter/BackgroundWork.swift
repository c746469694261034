import ONNXOperators
import Synchronization

/// Work that a thread of `WorkThreads` does while a task awaits its result.
final class BackgroundWork<R: Sendable>: Sendable {
  private let body: @Sendable () -> R
  private let flag = StopFlag()
  /// The task, as long as the work has not begun.
  private let waiting = Mutex<CheckedContinuation<R?, Never>?>(nil)

  init(_ body: @escaping @Sendable () -> R) { self.body = body }

  /// Does the work.
  /// - Returns: its result; `nil` if it was stopped before it had begun
  func result() async -> R? {
    await withCheckedContinuation { continuation in
      waiting.withLock { $0 = continuation }
      // It may have been stopped before there was anything to resume.
      if flag.isSet {
        take()?.resume(returning: nil)
      } else {
        WorkThreads.shared.add { self.run() }
      }
    }
  }

  /// Ends the work: at once if it has not begun, otherwise where `Deadline.isPassed` is looked at.
  func stop() {
    flag.set()
    take()?.resume(returning: nil)
  }

  private func run() {
    guard let continuation = take() else { return }
    continuation.resume(returning: flag.run(body))
  }

  private func take() -> CheckedContinuation<R?, Never>? {
    waiting.withLock { waiting in
      defer { waiting = nil }
      return waiting
    }
  }
}

/// Threads for work that blocks them, as many as there are CPUs. They end when there is no more work.
private final class WorkThreads: Sendable {
  static let shared = WorkThreads(limit: ThreadPool.available)

  private struct State {
    /// The work that waits for a thread.
    var queue: [@Sendable () -> Void] = []
    var running = 0

    mutating func next() -> (@Sendable () -> Void)? {
      guard queue.isEmpty else { return queue.removeFirst() }
      running -= 1
      return nil
    }
  }

  private let limit: Int
  private let state = Mutex(State())

  init(limit: Int) { self.limit = limit }

  func add(_ work: @escaping @Sendable () -> Void) {
    let starts = state.withLock { state in
      state.queue.append(work)
      guard state.running < limit else { return false }
      state.running += 1
      return true
    }
    // Where the system refuses a thread, this one does the work.
    if starts, !startThread({ self.work() }) { work() }
  }

  private func work() {
    while let next = state.withLock({ $0.next() }) { next() }
  }
}
