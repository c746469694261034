import Glibc

/// State that threads share, and changes of which they wait for.
///
/// `@unchecked Sendable`: the state is only read and written while the mutex is locked.
final class Monitor<State>: @unchecked Sendable {
  /// A change that threads wait for.
  final class Condition: @unchecked Sendable {
    fileprivate let handle = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    /// How many threads wait. The monitor's mutex guards it.
    fileprivate(set) var waiters = 0

    init() {
      var attributes = pthread_condattr_t()
      pthread_condattr_init(&attributes)
      pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
      pthread_cond_init(handle, &attributes)
      pthread_condattr_destroy(&attributes)
    }

    deinit {
      pthread_cond_destroy(handle)
      handle.deallocate()
    }

    /// Wakes one of the threads that wait, if there is one.
    func signal() { pthread_cond_signal(handle) }

    /// Wakes all threads that wait.
    func broadcast() { pthread_cond_broadcast(handle) }
  }

  /// What a thread that looks at the state decides.
  enum Decision<R> {
    case done(R)
    /// Wait for a signal, or until a time.
    case wait(until: ContinuousClock.Instant?)
  }

  private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private var state: State

  init(_ state: State) {
    self.state = state
    pthread_mutex_init(mutex, nil)
  }

  deinit {
    pthread_mutex_destroy(mutex)
    mutex.deallocate()
  }

  /// Calls `body` while no other thread uses the state.
  func withLock<R>(_ body: (inout State) -> R) -> R {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    return body(&state)
  }

  /// Calls `body` now and after each signal, until it is done.
  func wait<R>(for condition: Condition, _ body: (inout State) -> Decision<R>) -> R {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    while true {
      switch body(&state) {
      case .done(let result): return result
      case .wait(let time):
        condition.waiters += 1
        if let time {
          var limit = monotonic(time)
          pthread_cond_timedwait(condition.handle, mutex, &limit)
        } else {
          pthread_cond_wait(condition.handle, mutex)
        }
        condition.waiters -= 1
      }
    }
  }
}

/// A time as the clock of conditions counts it.
private func monotonic(_ instant: ContinuousClock.Instant) -> timespec {
  var time = timespec()
  clock_gettime(CLOCK_MONOTONIC, &time)
  let (seconds, attoseconds) = max(instant - .now, .zero).components
  time.tv_sec += Int(min(seconds, 1 << 32))
  time.tv_nsec += Int(attoseconds / 1_000_000_000)
  if time.tv_nsec >= 1_000_000_000 {
    time.tv_sec += 1
    time.tv_nsec -= 1_000_000_000
  }
  return time
}
