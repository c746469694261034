import ONNXFormat

/// Calls `body` with `0..<count`, each on a thread of its own, and waits for all of them. They may wait for
/// each other, as the tasks of a pool may not.
/// - Parameter fail: Called if a thread cannot be started, so that the others wait no longer for it.
func concurrently(_ count: Int, fail: (TrainingError) -> Void, _ body: (Int) -> Void) {
  withoutActuallyEscaping(body) { body in
    nonisolated(unsafe) let body = body
    var threads: [WorkThread] = []
    for index in 1..<max(count, 1) {
      do throws(ThreadError) { threads.append(try WorkThread { body(index) }) } catch {
        fail(.model(error.description))
      }
    }
    if count > 0 { body(0) }
    for thread in threads { thread.join() }
  }
}
