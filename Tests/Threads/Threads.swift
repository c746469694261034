import ONNXFormat

/// Runs `body` on that many threads at once, and waits for all.
public func withThreads(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) {
  let threads = (0..<count).map { index in
    do { return try WorkThread { body(index) } } catch { fatalError("\(error)") }
  }
  for thread in threads { thread.join() }
}
