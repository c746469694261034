import ONNXSupport

/// A mutant that broke the rules: it crashed, took too long or too much memory, or ended with an error
/// of several lines.
package struct MutantFailure: Sendable {
  /// The case's folder.
  package let path: String
  /// The mutant's number within its case.
  package let number: Int
  package let changes: String
  package let problem: String
}

/// The outcomes of all mutants of a run.
package struct MutationSummary: Sendable {
  /// The number of mutants that ran.
  package fileprivate(set) var ran = 0
  /// Mutants that gave outputs.
  package fileprivate(set) var results = 0
  /// Mutants that were rejected with a proper error.
  package fileprivate(set) var errors = 0
  package fileprivate(set) var failures = 0
}

/// Runs mutants of cases in worker processes. Each must give outputs or an error of one line.
package struct MutationRunner {
  private let paths: [String]
  private let count: Int
  private let seed: UInt64
  private let seconds: Double

  /// - Parameters:
  ///   - paths: the folders of the cases
  ///   - count: the number of mutants of each case
  ///   - seconds: the CPU time that a mutant may take
  package init(_ paths: [String], count: Int, seed: UInt64, seconds: Double) {
    self.seconds = seconds
    self.paths = paths
    self.count = count
    self.seed = seed
  }

  /// A range of the mutants of a case.
  private struct Request {
    let path: Int
    let range: Range<Int>
  }

  /// Runs all mutants. The program must serve the subcommand `MutationWorker.commandName`.
  /// - Parameters:
  ///   - wait: called several times a second
  ///   - report: called with each failure
  /// - Throws: `Failure` if no worker can be started
  package func run(
    waiting wait: (WorkProgress) -> Void, _ report: (MutantFailure) -> Void
  ) throws(Failure) -> MutationSummary {
    var requests = paths.indices.map { Request(path: $0, range: 0..<count) }
    var summary = MutationSummary()
    var pool = WorkerPool(
      arguments: [MutationWorker.commandName, "\(seconds)"], requests: requests.map(text),
      timeout: .seconds(10 + 10 * seconds))
    try pool.run { progress in
      wait(progress.named(paths[requests[min(progress.request, requests.count - 1)].path]))
    } _: { reply in
      let request = requests[reply.request]
      var mutants = reply.text.split(separator: "\n").map { MutantReport(parsing: $0) }
      if let accident = reply.accident {
        let isAtLast = mutants.last.map { $0.outcome == nil } ?? false
        let last = isAtLast ? mutants.popLast() : nil
        mutants.append(MutantReport(changes: last?.changes ?? "", outcome: .wrong(accident)))
      }
      for (index, mutant) in mutants.enumerated() {
        summary.ran += 1
        switch mutant.outcome {
        case .result: summary.results += 1
        case .error: summary.errors += 1
        case .wrong, nil:
          summary.failures += 1
          report(
            MutantFailure(
              path: paths[request.path], number: request.range.lowerBound + index,
              changes: mutant.changes, problem: mutant.problem))
        }
      }
      let next = request.range.lowerBound + mutants.count
      guard reply.accident != nil, next < request.range.upperBound else { return nil }
      requests.append(Request(path: request.path, range: next..<request.range.upperBound))
      return text(requests[requests.count - 1])
    }
    return summary
  }

  private func text(_ request: Request) -> String {
    // The path's FNV-1a hash gives each case mutations of its own.
    let seed =
      seed
      &+ paths[request.path].utf8.reduce(14_695_981_039_346_656_037) {
        ($0 ^ UInt64($1)) &* 1_099_511_628_211
      }
    return "\(seed) \(request.range.lowerBound) \(request.range.upperBound) \(paths[request.path])"
  }
}

/// A worker's report on a mutant: its changes, a tab, and the outcome once it has ended.
private struct MutantReport {
  enum Outcome {
    case result
    case error
    case wrong(String)
  }

  let changes: String
  /// `nil` for a mutant that has not ended.
  let outcome: Outcome?

  init(changes: String, outcome: Outcome?) {
    self.changes = changes
    self.outcome = outcome
  }

  /// The problem of a failed mutant; empty for another.
  var problem: String {
    switch outcome {
    case .result, .error: ""
    case .wrong(let text): text
    case nil: "no result"
    }
  }

  init(parsing line: Substring) {
    let fields = line.split(separator: "\t", omittingEmptySubsequences: false)
    changes = String(fields[0])
    outcome =
      switch fields.count > 1 ? fields[1] : "" {
      case "result": .result
      case "error": .error
      case "": nil
      case let text: .wrong(String(text))
      }
  }
}
