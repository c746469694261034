import CKernels
import Glibc
import ONNXFormat
import Synchronization

/// Work that ends at a given time.
///
/// It runs on a thread of its own. At the deadline a flag is set that the thread pool looks at before
/// every task and long loops look at now and then; the work then ends early, and its results are thrown
/// away. Work that does not end soon is left to its thread, and the caller goes on.
public enum Deadline {
  /// How long work may go on after its deadline before the caller leaves it.
  private static let patience = Duration.milliseconds(300)
  private static let abandoned = Atomic<Int>(0)

  /// Whether the deadline of this thread's work has passed. A kernel whose loop is long, and is not made
  /// of the pool's tasks, asks from time to time and returns early: its outputs are not used then.
  public static var isPassed: Bool { ck_is_stopped() != 0 }

  /// Whether this thread's work may be told to end early: it has a deadline, or can be cancelled.
  package static var isPossible: Bool { ck_stop_flag() != nil }

  /// Whether work that was left to its thread is still running.
  package static var hasAbandonedWork: Bool { abandoned.load(ordering: .relaxed) > 0 }

  /// Runs work until a deadline. Within other such work it runs on the same thread, until the end of
  /// that.
  /// - Returns: its result; `nil` if it was left to its thread
  package static func run<R: Sendable>(
    until deadline: ContinuousClock.Instant, _ body: @escaping @Sendable () -> R
  ) -> R? {
    guard ck_stop_flag() == nil else { return body() }
    let job = Job(body)
    guard job.start() else { return body() }
    if let result = job.wait(until: deadline) { return result }
    job.flag.set()
    return job.wait(until: max(deadline, .now) + patience) ?? job.abandon()
  }

  /// Runs work that must be whole, such as what is kept for later runs, without looking at the
  /// deadline.
  package static func ignoring<R, E: Error>(_ body: () throws(E) -> R) throws(E) -> R {
    let flag = ck_stop_flag()
    ck_set_stop_flag(nil)
    defer { ck_set_stop_flag(flag) }
    return try body()
  }

  /// A thread and its result.
  private final class Job<R: Sendable>: @unchecked Sendable {
    let flag = StopFlag()
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let ended = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    // The mutex guards these.
    private var body: (@Sendable () -> R)?
    private var result: R?
    private var isAbandoned = false

    init(_ body: @escaping @Sendable () -> R) {
      self.body = body
      pthread_mutex_init(mutex, nil)
      var attributes = pthread_condattr_t()
      pthread_condattr_init(&attributes)
      pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
      pthread_cond_init(ended, &attributes)
      pthread_condattr_destroy(&attributes)
    }

    deinit {
      pthread_cond_destroy(ended)
      pthread_mutex_destroy(mutex)
      ended.deallocate()
      mutex.deallocate()
    }

    /// - Returns: whether the thread could be created
    func start() -> Bool { startThread { self.work() } }

    private func work() {
      pthread_mutex_lock(mutex)
      let body = self.body
      self.body = nil
      pthread_mutex_unlock(mutex)
      guard let body else { return }
      let result = flag.run(body)
      pthread_mutex_lock(mutex)
      if isAbandoned {
        Deadline.abandoned.subtract(1, ordering: .relaxed)
      } else {
        self.result = result
      }
      pthread_cond_signal(ended)
      pthread_mutex_unlock(mutex)
    }

    /// The result, if there is one by then.
    func wait(until deadline: ContinuousClock.Instant) -> R? {
      let left = max(deadline - .now, .zero)
      var time = timespec()
      clock_gettime(CLOCK_MONOTONIC, &time)
      let (seconds, attoseconds) = left.components
      time.tv_sec += Int(min(seconds, 1 << 32))
      time.tv_nsec += Int(attoseconds / 1_000_000_000)
      if time.tv_nsec >= 1_000_000_000 {
        time.tv_sec += 1
        time.tv_nsec -= 1_000_000_000
      }
      pthread_mutex_lock(mutex)
      defer { pthread_mutex_unlock(mutex) }
      while result == nil {
        if pthread_cond_timedwait(ended, mutex, &time) == ETIMEDOUT { break }
      }
      return result
    }

    /// Leaves the work to its thread.
    /// - Returns: the result, if it has come at the last moment
    func abandon() -> R? {
      pthread_mutex_lock(mutex)
      defer { pthread_mutex_unlock(mutex) }
      if result == nil {
        isAbandoned = true
        Deadline.abandoned.add(1, ordering: .relaxed)
      }
      return result
    }
  }
}

/// A flag that tells the work of a thread to end early: `Deadline.isPassed` is then true for it.
///
/// A scheduler that runs sessions on threads of its own ends a run with it:
///
/// ```swift
/// let flag = StopFlag()
/// let result = flag.run { Result { try session.run(inputs) } }  // on one thread
/// flag.set()                                                    // on another
/// ```
public final class StopFlag: @unchecked Sendable {
  private let flag: UnsafeMutablePointer<Int32>

  /// A flag that is not set.
  public init() {
    flag = .allocate(capacity: 1)
    flag.initialize(to: 0)
  }

  deinit { flag.deallocate() }

  /// Tells the work to end. A run then throws `ModelError.deadline`, or that error of a node, where it
  /// looks at the flag: before each node, and before each task of a kernel.
  public func set() { ck_flag_set(flag) }

  /// Whether the work was told to end.
  public var isSet: Bool { ck_flag_is_set(flag) != 0 }

  /// Runs work on this thread that looks at the flag.
  public func run<R>(_ body: () -> R) -> R {
    ck_set_stop_flag(flag)
    defer { ck_set_stop_flag(nil) }
    return body()
  }
}

/// Runs work on a new thread with a stack of 16 MB.
/// - Returns: whether the thread could be started
package func startThread(_ work: @escaping @Sendable () -> Void) -> Bool {
  guard let thread = try? WorkThread(stackSize: 16 << 20, work) else { return false }
  thread.detach()
  return true
}
