import Glibc
import ONNX
import ToolSupport

/// Has worker processes, one a CPU, answer requests. A worker that crashes or falls silent is
/// replaced.
struct WorkerPool {
  /// What came of a request.
  struct Reply {
    let request: Int
    let seconds: Double
    /// What the worker wrote, all of it or until it came to its end.
    let text: String
    /// How the worker came to its end before its answer did, if so.
    let accident: String?
  }

  private let arguments: [String]
  private let patience: Duration
  private var requests: [String]
  private var next = 0

  /// A worker and the request it is at.
  private struct Job {
    let worker: Subprocess
    let request: Int
    let start: ContinuousClock.Instant
    var heard: ContinuousClock.Instant
    var reply: [UInt8] = []
  }

  /// - Parameters:
  ///   - arguments: what makes this program a worker: it reads requests from standard input, each
  ///     ended by a zero byte, and ends its answers with one
  ///   - patience: how long a worker may say nothing
  init(arguments: [String], requests: [String], patience: Duration) {
    self.arguments = arguments
    self.requests = requests
    self.patience = patience
  }

  /// Has all requests answered.
  /// - Parameters:
  ///   - title: what the progress line says of a request
  ///   - handle: called once a request, as the answers come; what it returns is asked next
  /// - Throws: `Failure` where no worker can be started
  mutating func run(
    title: (Int) -> String, _ handle: (Reply, inout Progress) -> String?
  ) throws(Failure) {
    var jobs: [Job] = []
    var progress = Progress()
    while next < requests.count || !jobs.isEmpty {
      while jobs.count < ThreadPool.available, next < requests.count {
        jobs.append(start(try worker()))
      }
      progress.update("\(next - jobs.count) of \(requests.count)  \(title(jobs[0].request))")
      wait(for: jobs)
      var left: [Job] = []
      for var job in jobs {
        guard let reply = advance(&job) else {
          left.append(job)
          continue
        }
        if let more = handle(reply, &progress) { requests.append(more) }
        if reply.accident == nil, next < requests.count { left.append(start(job.worker)) }
      }
      jobs = left
    }
    progress.clear()
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

  /// Waits until a worker says something or has had its time.
  private func wait(for jobs: [Job]) {
    var polled = jobs.map { pollfd(fd: $0.worker.output, events: Int16(POLLIN), revents: 0) }
    let deadline = jobs.map { $0.heard + patience }.min() ?? .now
    let milliseconds = (deadline - .now).milliseconds
    // Often enough for the progress line.
    _ = poll(&polled, nfds_t(polled.count), Int32(min(max(milliseconds + 1, 0), 200)))
  }

  /// Takes in what a worker has said.
  /// - Returns: its answer, once that is whole or there will be none
  private func advance(_ job: inout Job) -> Reply? {
    func end(_ text: ArraySlice<UInt8>, _ accident: String?) -> Reply {
      Reply(
        request: job.request, seconds: (ContinuousClock.now - job.start) / .seconds(1),
        text: String(decoding: text, as: UTF8.self), accident: accident)
    }
    var polled = pollfd(fd: job.worker.output, events: Int16(POLLIN), revents: 0)
    if poll(&polled, 1, 0) > 0 {
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
    guard ContinuousClock.now - job.heard >= patience else { return nil }
    job.worker.end()
    return end(job.reply[...], "timed out after \(formatted(patience / .seconds(1))) s")
  }
}

/// Reads requests from standard input, each ended by a zero byte, and ends each answer that
/// `answer` has printed with one.
/// - Parameter patience: seconds after which a request ends the process
func answerRequests(patience: UInt32, _ answer: (String) -> Void) -> ExitStatus {
  var pending: [UInt8] = []
  var chunk = [UInt8](repeating: 0, count: 1 << 16)
  while true {
    let count = read(STDIN_FILENO, &chunk, chunk.count)
    if count <= 0 { return .fine }
    pending += chunk.prefix(count)
    while let end = pending.firstIndex(of: 0) {
      let request = String(decoding: pending[..<end], as: UTF8.self)
      pending.removeSubrange(...end)
      // Should nobody be left who ends it.
      alarm(patience)
      answer(request)
      alarm(0)
      print("\0", terminator: "")
      fflush(nil)
    }
  }
}
