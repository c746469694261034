import Glibc

/// Calls `body` with `0..<count`, each on a thread of its own, and waits for all of them. They may wait for
/// each other, as the tasks of a pool may not.
func concurrently(_ count: Int, _ body: (Int) -> Void) {
  withoutActuallyEscaping(body) { body in
    nonisolated(unsafe) let body = body
    var threads: [pthread_t] = []
    for index in 1..<max(count, 1) {
      var thread = pthread_t()
      let work = Unmanaged.passRetained(ThreadWork { body(index) })
      let status = pthread_create(
        &thread, nil,
        { work in
          if let work { Unmanaged<ThreadWork>.fromOpaque(work).takeRetainedValue().body() }
          return nil
        }, work.toOpaque())
      if status == 0 { threads.append(thread) } else { work.release() }
    }
    if count > 0 { body(0) }
    for thread in threads { pthread_join(thread, nil) }
  }
}
