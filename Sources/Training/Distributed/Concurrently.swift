import Glibc

/// Calls `body` with `0..<count`, each on a thread of its own, and waits for all of them. They may wait for
/// each other, as the tasks of a pool may not.
/// - Parameter fail: Called if a thread cannot be started, so that the others wait no longer for it.
func concurrently(_ count: Int, fail: (TrainingError) -> Void, _ body: (Int) -> Void) {
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
      if status == 0 {
        threads.append(thread)
      } else {
        work.release()
        fail(.model("cannot start a thread for a shard: \(String(cString: strerror(status)))"))
      }
    }
    if count > 0 { body(0) }
    for thread in threads { pthread_join(thread, nil) }
  }
}
