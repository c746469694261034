import Glibc
import ONNXFormat

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
private struct Activity {
  /// Closing the write end stops the thread.
  private let pipe: (read: Int32, write: Int32)
  private let thread: WorkThread

  init?(_ text: String) {
    var ends: [Int32] = [0, 0]
    guard Glibc.pipe(&ends) == 0 else { return nil }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    let (read, write) = (ends[0], ends[1])
    let start = ContinuousClock.now
    guard let thread = try? WorkThread({ Self.show(text, since: start, until: read) }) else {
      close(read)
      close(write)
      return nil
    }
    self.thread = thread
    pipe = (read, write)
  }

  /// Updates the line until a pipe is closed.
  private static func show(
    _ text: String, since start: ContinuousClock.Instant, until pipe: Int32
  ) {
    var progress = Progress()
    var polled = pollfd(fd: pipe, events: Int16(POLLIN), revents: 0)
    while poll(&polled, 1, 100) == 0 {
      progress.update("\(text)  \((ContinuousClock.now - start).components.seconds) s")
    }
    progress.clear()
  }

  func end() {
    close(pipe.write)
    thread.join()
    close(pipe.read)
  }
}
