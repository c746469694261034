import ONNXFormat
import ONNXSupport

/// The way the outputs of a case are judged.
package enum CaseJudgement: String, Sendable {
  /// By the expected values.
  case values
  /// By the distribution that the values are drawn from.
  case distribution
  /// By their types and shapes.
  case shape
}

/// The result of a case.
package struct CaseResult: Sendable {
  /// The case's folder.
  package let path: String
  package let variant: CaseVariant
  /// The way the outputs were judged; `nil` for a case that failed.
  package let judgement: CaseJudgement?
  package let seconds: Double
  /// The error or difference; empty for a case that passed.
  package let message: String

  package var passed: Bool { judgement != nil }
}

/// Runs cases in worker processes. A case fails if its worker crashes or exceeds the timeout.
package struct CaseRunner {
  private let jobs: [(path: String, variant: CaseVariant)]
  private let timeout: Duration
  private let workerOptions: [String]

  /// - Parameters:
  ///   - paths: the folders of the cases
  ///   - variants: the ways to run each
  ///   - timeout: for each case
  ///   - convolution: the algorithm of all convolutions; `nil` leaves the choice to the kernels
  ///   - tolerance: the allowed error, in units of the largest expected number; `nil`: the case's own
  ///   - reading: further options of the workers, which say how models are read
  package init(
    _ paths: [String], _ variants: [CaseVariant], timeout: Duration,
    convolution: ConvolutionChoice? = nil, tolerance: Double? = nil, reading: [String] = []
  ) {
    jobs = paths.flatMap { path in variants.map { (path, $0) } }
    self.timeout = timeout
    workerOptions =
      (convolution.map { ["--convolution", $0.rawValue] } ?? [])
      + (tolerance.map { ["--tolerance", "\($0)"] } ?? []) + reading
  }

  /// Runs all cases. The program must serve the subcommand `CaseWorker.commandName`.
  /// - Parameters:
  ///   - wait: called several times a second
  ///   - report: called with each result, in the order of the cases
  /// - Throws: `Failure` if no worker can be started
  package func run(
    waiting wait: (WorkProgress) -> Void, _ report: (CaseResult) -> Void
  ) throws(Failure) -> [CaseResult] {
    var results = [CaseResult?](repeating: nil, count: jobs.count)
    var reported = 0
    // The worker ends itself should this process die.
    let seconds = Int(timeout.components.seconds) + 10
    var pool = WorkerPool(
      arguments: [CaseWorker.commandName, "\(seconds)"] + workerOptions,
      requests: jobs.map { "\($0.variant.rawValue) \($0.path)" }, timeout: timeout)
    try pool.run { progress in
      wait(progress.named(jobs[progress.request].path))
    } _: { reply in
      results[reply.request] = result(reply)
      while reported < results.count, let result = results[reported] {
        report(result)
        reported += 1
      }
      return nil
    }
    return results.compactMap { $0 }
  }

  private func result(_ reply: WorkerPool.Reply) -> CaseResult {
    let judgement = reply.accident == nil ? CaseJudgement(rawValue: reply.text) : nil
    return CaseResult(
      path: jobs[reply.request].path, variant: jobs[reply.request].variant, judgement: judgement,
      seconds: reply.seconds, message: judgement == nil ? reply.accident ?? reply.text : "")
  }
}

/// The worker's side of `CaseRunner`: runs a case for each request `VARIANT FOLDER`.
package struct CaseWorker {
  /// The subcommand that serves requests. Its arguments are the seconds after which a case ends the
  /// process and the options `--convolution` and `--tolerance`.
  package static let commandName = "test-worker"

  private let convolution: ConvolutionChoice?
  private let tolerance: Double?

  private let reading: ReadingOptions

  package init(
    convolution: ConvolutionChoice?, tolerance: Double?, reading: ReadingOptions = .init()
  ) {
    self.convolution = convolution
    self.tolerance = tolerance
    self.reading = reading
  }

  /// The answer to a request: the kind of judgement, or a description of the error.
  package func answer(_ request: String) -> String {
    // A zero byte would end the answer.
    String(result(request).map { $0 == "\0" ? " " : $0 })
  }

  private func result(_ request: String) -> String {
    let words = request.split(separator: " ", maxSplits: 1).map(String.init)
    guard words.count == 2, let variant = CaseVariant(rawValue: words[0]) else {
      return "invalid request '\(request)'"
    }
    do {
      var test = Case(path: words[1])
      test.reading = reading
      let verdict = try test.run(variant, convolution, tolerance: tolerance)
      return verdict.difference ?? verdict.judgement.rawValue
    } catch {
      let text = "\(error)"
      return text.isEmpty ? "failed" : text
    }
  }
}
