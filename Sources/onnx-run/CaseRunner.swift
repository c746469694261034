import Glibc
import ONNX
import ToolSupport

/// Runs cases in worker processes, one a CPU. A worker that crashes or takes too long fails its case
/// and is replaced.
struct CaseRunner {
  private let paths: [String]
  private let timeout: Duration
  private let workerOptions: [String]
  private var next = 0
  private var results: [CaseResult?]

  /// A worker and the case it is at.
  private struct Job {
    let worker: Subprocess
    let index: Int
    let start: ContinuousClock.Instant
    var reply: [UInt8] = []
  }

  init(
    _ paths: [String], timeout: Duration, convolution: ConvolutionChoice? = nil,
    tolerance: Double? = nil
  ) {
    self.paths = paths
    self.timeout = timeout
    workerOptions =
      (convolution.map { ["--convolution", $0.rawValue] } ?? [])
      + (tolerance.map { ["--tolerance", "\($0)"] } ?? [])
    results = Array(repeating: nil, count: paths.count)
  }

  /// Runs all cases.
  /// - Parameter report: called once a case, in their order
  /// - Throws: `Failure` where no worker can be started
  mutating func run(_ report: (CaseResult) -> Void) throws(Failure) -> [CaseResult] {
    var jobs: [Job] = []
    var reported = 0
    var progress = Progress()
    while reported < paths.count {
      while jobs.count < ThreadPool.available, next < paths.count {
        jobs.append(start(try worker()))
      }
      progress.update("\(next - jobs.count) of \(paths.count)  \(paths[jobs.first?.index ?? 0])")
      wait(for: jobs)
      var left: [Job] = []
      for var job in jobs {
        if let worker = advance(&job) {
          if next < paths.count { left.append(start(worker)) }
        } else if results[job.index] == nil {
          left.append(job)
        }
      }
      jobs = left
      while reported < paths.count, let result = results[reported] {
        if !result.passed { progress.clear() }
        report(result)
        reported += 1
      }
    }
    progress.clear()
    return results.compactMap { $0 }
  }

  private func worker() throws(Failure) -> Subprocess {
    // The worker's own alarm ends it should nobody be left to do so.
    let seconds = Int(timeout.components.seconds) + 10
    return try Subprocess(
      arguments: ["test-worker", "\(seconds)"] + workerOptions, keepsErrors: true)
  }

  private mutating func start(_ worker: Subprocess) -> Job {
    let index = next
    next += 1
    worker.send(paths[index] + "\0")
    return Job(worker: worker, index: index, start: .now)
  }

  /// Waits until a worker says something or has had its time.
  private func wait(for jobs: [Job]) {
    var polled = jobs.map { pollfd(fd: $0.worker.output, events: Int16(POLLIN), revents: 0) }
    let deadline = jobs.map { $0.start + timeout }.min() ?? .now
    let milliseconds = (deadline - .now).milliseconds
    // Often enough for the progress line.
    _ = poll(&polled, nfds_t(polled.count), Int32(min(max(milliseconds + 1, 0), 200)))
  }

  /// Takes in what a worker has said.
  /// - Returns: the worker, once it is free again
  private mutating func advance(_ job: inout Job) -> Subprocess? {
    let duration = ContinuousClock.now - job.start
    let seconds = duration / .seconds(1)
    func end(_ passed: Bool, _ message: String) -> CaseResult {
      CaseResult(path: paths[job.index], passed: passed, seconds: seconds, message: message)
    }
    var polled = pollfd(fd: job.worker.output, events: Int16(POLLIN), revents: 0)
    if poll(&polled, 1, 0) > 0 {
      let bytes = job.worker.receive()
      if bytes.isEmpty {
        let cause = job.worker.wait() ?? "exit"
        let note = job.worker.lastError.map { ": \($0)" } ?? ""
        results[job.index] = end(false, "crashed, \(cause)\(note)")
        return nil
      }
      job.reply += bytes
      if job.reply.last == 0 {
        let text = String(decoding: job.reply.dropLast(), as: UTF8.self)
        results[job.index] = end(text.isEmpty, text)
        return job.worker
      }
    }
    if duration >= timeout {
      job.worker.end()
      let limit = formatted(timeout / .seconds(1))
      results[job.index] = end(false, "timed out after \(limit) s")
    }
    return nil
  }
}
