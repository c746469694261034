import Glibc

/// A lock whose holder can wait for a change that another thread makes.
package final class Monitor: Sendable {
  private nonisolated(unsafe) let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(
    capacity: 1)
  private nonisolated(unsafe) let change = UnsafeMutablePointer<pthread_cond_t>.allocate(
    capacity: 1)

  package init() {
    mutex.initialize(to: pthread_mutex_t())
    change.initialize(to: pthread_cond_t())
    pthread_mutex_init(mutex, nil)
    pthread_cond_init(change, nil)
  }

  deinit {
    pthread_cond_destroy(change)
    pthread_mutex_destroy(mutex)
    change.deallocate()
    mutex.deallocate()
  }

  /// Calls `body` while it holds the lock.
  package func locked<R, E: Error>(_ body: () throws(E) -> R) throws(E) -> R {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    return try body()
  }

  /// Gives the lock away until another thread calls `wakeAll()`.
  /// - Precondition: the caller holds the lock.
  package func wait() { pthread_cond_wait(change, mutex) }

  /// Wakes all threads that wait for a change.
  package func wakeAll() { pthread_cond_broadcast(change) }
}
