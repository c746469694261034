import ONNX
import ToolSupport

/// How the outputs of a case are judged.
enum CaseJudgement: String, Sendable {
  /// By the numbers that the case expects.
  case values
  /// By the distribution they are drawn from.
  case distribution
  /// By their types and shapes.
  case shape
}

/// How a case ended.
struct CaseResult: Sendable {
  let path: String
  let variant: CaseVariant
  /// `nil` for a case that failed.
  let judgement: CaseJudgement?
  let seconds: Double
  /// What is wrong; empty for a case that passed.
  let message: String

  var passed: Bool { judgement != nil }
}

/// Runs cases in worker processes. A worker that crashes or takes too long fails its case.
struct CaseRunner {
  private let jobs: [(path: String, variant: CaseVariant)]
  private let timeout: Duration
  private let workerOptions: [String]

  init(
    _ paths: [String], _ variants: [CaseVariant], timeout: Duration,
    convolution: ConvolutionChoice? = nil, tolerance: Double? = nil
  ) {
    jobs = paths.flatMap { path in variants.map { (path, $0) } }
    self.timeout = timeout
    workerOptions =
      (convolution.map { ["--convolution", $0.rawValue] } ?? [])
      + (tolerance.map { ["--tolerance", "\($0)"] } ?? [])
  }

  /// Runs all cases.
  /// - Parameter report: called once a case, in their order
  /// - Throws: `Failure` where no worker can be started
  func run(_ report: (CaseResult) -> Void) throws(Failure) -> [CaseResult] {
    var results = [CaseResult?](repeating: nil, count: jobs.count)
    var reported = 0
    let seconds = Int(timeout.components.seconds) + 10
    var pool = WorkerPool(
      arguments: ["test-worker", "\(seconds)"] + workerOptions,
      requests: jobs.map { "\($0.variant.rawValue) \($0.path)" }, patience: timeout)
    try pool.run {
      jobs[$0].path
    } _: { reply, progress in
      results[reply.request] = result(reply)
      while reported < results.count, let result = results[reported] {
        if result.judgement != .values { progress.clear() }
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
