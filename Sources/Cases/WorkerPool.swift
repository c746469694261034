import Glibc
import ONNXOperators
import ONNXSupport

/// The progress of the work of a pool.
package struct WorkProgress: Sendable, CustomStringConvertible {
  /// The number of answered requests.
  package let finished: Int
  /// The number of all requests.
  package let total: Int
  /// The index of a request that a worker is answering.
  let request: Int
  /// The name of that request.
  private var name = ""

  init(finished: Int, total: Int, request: Int) {
    self.finished = finished
    self.total = total
    self.request = request
  }

  func named(_ name: String) -> WorkProgress {
    var copy = self
    copy.name = name
    return copy
  }

  package var description: String { "\(finished) of \(total)  \(name)" }
}

/// Worker processes, one for each CPU, that answer requests. A worker that crashes or exceeds the
/// timeout is replaced.
struct WorkerPool {
  /// The answer to a request.
  struct Reply {
    let request: Int
    let seconds: Double
    /// The worker's output, complete unless there was an accident.
    let text: String
    /// The crash or timeout that ended the worker before its answer was complete, if any.
    let accident: String?
  }

  private let arguments: [String]
  private let timeout: Duration
  private var requests: [String]
  private var next = 0

  /// A worker and the request that it is answering.
  private struct Job {
    let worker: Subprocess
    let request: Int
    let start: ContinuousClock.Instant
    var heard: ContinuousClock.Instant
    var reply: [UInt8] = []
  }

  /// - Parameters:
  ///   - arguments: the arguments that make this program a worker, which calls `serveRequests`
  ///   - timeout: the longest time between two outputs of a worker
  init(arguments: [String], requests: [String], timeout: Duration) {
    self.arguments = arguments
    self.requests = requests
    self.timeout = timeout
  }

  /// Answers all requests.
  /// - Parameters:
  ///   - wait: called several times a second
  ///   - handle: called with each answer as it arrives; returns a request to add, if any
  /// - Throws: `Failure` if no worker can be started
  mutating func run(
    waiting wait: (WorkProgress) -> Void, _ handle: (Reply) -> String?
  ) throws(Failure) {
    var jobs: [Job] = []
    while next < requests.count || !jobs.isEmpty {
      while jobs.count < ThreadPool.available, next < requests.count {
        jobs.append(start(try worker()))
      }
      wait(
        WorkProgress(
          finished: next - jobs.count, total: requests.count, request: jobs[0].request))
      poll(jobs)
      var left: [Job] = []
      for var job in jobs {
        guard let reply = advance(&job) else {
          left.append(job)
          continue
        }
        if let more = handle(reply) { requests.append(more) }
        if reply.accident == nil, next < requests.count { left.append(start(job.worker)) }
      }
      jobs = left
    }
  }

  private func worker() throws(Failure) -> Subprocess {
    try Subprocess(arguments: arguments, keepsErrors: true)
  }

  private mutating func start(_ worker: Subprocess) -> Job {
    let request = next
    next += 1
    worker.send(requests[request] + "\0")
    return Job(worker: worker, request: request, start: .now, heard: .now)
  }

  /// Waits until a worker writes something or its time is up.
  private func poll(_ jobs: [Job]) {
    var polled = jobs.map { pollfd(fd: $0.worker.output, events: Int16(POLLIN), revents: 0) }
    let deadline = jobs.map { $0.heard + timeout }.min() ?? .now
    let milliseconds = (deadline - .now).milliseconds
    // At most 200 ms, for a progress line.
    _ = Glibc.poll(&polled, nfds_t(polled.count), Int32(min(max(milliseconds + 1, 0), 200)))
  }

  /// Reads the output of a worker.
  /// - Returns: its answer, once that is complete or the worker has ended
  private func advance(_ job: inout Job) -> Reply? {
    func end(_ text: ArraySlice<UInt8>, _ accident: String?) -> Reply {
      Reply(
        request: job.request, seconds: (ContinuousClock.now - job.start) / .seconds(1),
        text: String(decoding: text, as: UTF8.self), accident: accident)
    }
    var polled = pollfd(fd: job.worker.output, events: Int16(POLLIN), revents: 0)
    if Glibc.poll(&polled, 1, 0) > 0 {
      let bytes = job.worker.receive()
      if bytes.isEmpty {
        let cause = job.worker.wait() ?? "exit"
        let note = job.worker.lastError.map { ": \($0)" } ?? ""
        return end(job.reply[...], "crashed, \(cause)\(note)")
      }
      job.reply += bytes
      job.heard = .now
      if job.reply.last == 0 { return end(job.reply.dropLast(), nil) }
    }
    guard ContinuousClock.now - job.heard >= timeout else { return nil }
    job.worker.end()
    return end(job.reply[...], "timed out after \(formatted(timeout / .seconds(1))) s")
  }
}
