import Glibc

/// Runs `body` on that many threads at once, and waits for all.
public func withThreads(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) {
  final class Job {
    let index: Int
    let body: @Sendable (Int) -> Void
    init(_ index: Int, _ body: @escaping @Sendable (Int) -> Void) {
      self.index = index
      self.body = body
    }
  }
  var threads = [pthread_t](repeating: pthread_t(), count: count)
  for index in 0..<count {
    let job = Unmanaged.passRetained(Job(index, body)).toOpaque()
    pthread_create(
      &threads[index], nil,
      { argument in
        guard let argument else { return nil }
        let job = Unmanaged<Job>.fromOpaque(argument).takeRetainedValue()
        job.body(job.index)
        return nil
      }, job)
  }
  for thread in threads { pthread_join(thread, nil) }
}
