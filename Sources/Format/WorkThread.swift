import Glibc

/// A thread that runs a closure to its end. One that is started must be joined or detached.
package struct WorkThread: Sendable {
  private let id: pthread_t

  private final class Work: Sendable {
    let body: @Sendable () -> Void
    init(_ body: @escaping @Sendable () -> Void) { self.body = body }
  }

  /// Starts a thread.
  /// - Parameter stackSize: The bytes of its stack; `nil` for the system's default.
  /// - Throws: `ThreadError` if the system refuses.
  package init(
    stackSize: Int? = nil, _ body: @escaping @Sendable () -> Void
  ) throws(ThreadError) {
    var attributes = pthread_attr_t()
    pthread_attr_init(&attributes)
    defer { pthread_attr_destroy(&attributes) }
    if let stackSize { pthread_attr_setstacksize(&attributes, stackSize) }
    let work = Unmanaged.passRetained(Work(body))
    var id = pthread_t()
    let status = pthread_create(
      &id, &attributes,
      { work in
        if let work { Unmanaged<Work>.fromOpaque(work).takeRetainedValue().body() }
        return nil
      }, work.toOpaque())
    guard status == 0 else {
      work.release()
      throw ThreadError(number: status)
    }
    self.id = id
  }

  /// Waits for the end of the thread.
  package func join() { pthread_join(id, nil) }

  /// Lets the thread end for itself.
  package func detach() { pthread_detach(id) }
}

/// The system's refusal to start a thread.
package struct ThreadError: Error, CustomStringConvertible {
  /// The `errno`.
  let number: Int32

  /// The refusal and its cause in one line.
  package var description: String { "cannot start a thread: \(String(cString: strerror(number)))" }
}
