import Glibc

/// Runs `body` and, once it has taken a second, shows a line on the terminal with `text` and the
/// elapsed time.
///
/// It does nothing but call `body` where standard error is not a terminal.
package func showing<R, E: Error>(_ text: String, _ body: () throws(E) -> R) throws(E) -> R {
  guard Terminal.standardError.isInteractive, let activity = Activity(text) else {
    return try body()
  }
  defer { activity.end() }
  return try body()
}

/// A thread that updates the line until `end()`.
private final class Activity: Sendable {
  private let text: String
  private let start = ContinuousClock.now
  /// Closing the write end stops the thread.
  private let pipe: (read: Int32, write: Int32)
  nonisolated(unsafe) private var thread = pthread_t()

  init?(_ text: String) {
    var ends: [Int32] = [0, 0]
    guard Glibc.pipe(&ends) == 0 else { return nil }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    self.text = text
    pipe = (ends[0], ends[1])
    let failed = pthread_create(
      &thread, nil,
      { argument in
        if let argument {
          Unmanaged<Activity>.fromOpaque(argument).takeUnretainedValue().show()
        }
        return nil
      }, Unmanaged.passUnretained(self).toOpaque())
    if failed != 0 {
      close(pipe.read)
      close(pipe.write)
      return nil
    }
  }

  private func show() {
    var progress = Progress()
    var polled = pollfd(fd: pipe.read, events: Int16(POLLIN), revents: 0)
    while poll(&polled, 1, 100) == 0 {
      progress.update("\(text)  \((ContinuousClock.now - start).components.seconds) s")
    }
    progress.clear()
  }

  func end() {
    close(pipe.write)
    pthread_join(thread, nil)
    close(pipe.read)
  }
}
