import ONNX
import ToolSupport

/// Runs mutants of cases in worker processes: each must give a result or an error of one line.
struct MutationRunner {
  private let paths: [String]
  private let count: Int
  private let seed: UInt64

  init(_ paths: [String], count: Int, seed: UInt64) {
    self.paths = paths
    self.count = count
    self.seed = seed
  }

  /// A case, and which of its mutants are to be run.
  private struct Request {
    let path: Int
    let range: Range<Int>
  }

  /// Runs them all and prints what is wrong.
  /// - Returns: whether nothing is
  /// - Throws: `Failure` where no worker can be started
  func run() throws(Failure) -> Bool {
    var requests = paths.indices.map { Request(path: $0, range: 0..<count) }
    var (ran, results, errors, failures) = (0, 0, 0, 0)
    var pool = WorkerPool(
      arguments: ["mutation-worker"], requests: requests.map(text), patience: .seconds(20))
    try pool.run {
      paths[requests[min($0, requests.count - 1)].path]
    } _: { reply, progress in
      let request = requests[reply.request]
      var mutants = reply.text.split(separator: "\n").map { MutantReport(parsing: $0) }
      if let accident = reply.accident {
        let isAtLast = mutants.last.map { $0.outcome == nil } ?? false
        let last = isAtLast ? mutants.popLast() : nil
        mutants.append(MutantReport(changes: last?.changes ?? "", outcome: .wrong(accident)))
      }
      for (index, mutant) in mutants.enumerated() {
        ran += 1
        switch mutant.outcome {
        case .result: results += 1
        case .error: errors += 1
        case .wrong, nil:
          failures += 1
          progress.clear()
          let number = request.range.lowerBound + index
          print(
            "FAILED \(paths[request.path]) mutant \(number) (\(mutant.changes)): \(mutant.problem)"
              .escaped)
        }
      }
      let next = request.range.lowerBound + mutants.count
      guard reply.accident != nil, next < request.range.upperBound else {
        return nil
      }
      requests.append(Request(path: request.path, range: next..<request.range.upperBound))
      return text(requests[requests.count - 1])
    }
    print("\(ran) mutants: \(results) gave a result, \(errors) an error, \(failures) failed")
    return failures == 0 && ran == paths.count * count
  }

  private func text(_ request: Request) -> String {
    // Each case has changes of its own.
    let seed =
      seed
      &+ paths[request.path].utf8.reduce(14_695_981_039_346_656_037) {
        ($0 ^ UInt64($1)) &* 1_099_511_628_211
      }
    return "\(seed) \(request.range.lowerBound) \(request.range.upperBound) \(paths[request.path])"
  }
}

/// What a worker says of a mutant: a line of its changes, then, once it came to its end, how.
struct MutantReport {
  enum Outcome {
    case result
    case error
    case wrong(String)
  }

  let changes: String
  /// `nil` before it came to its end.
  let outcome: Outcome?

  init(changes: String, outcome: Outcome?) {
    self.changes = changes
    self.outcome = outcome
  }

  /// What is wrong; empty where nothing is.
  var problem: String {
    switch outcome {
    case .result, .error: ""
    case .wrong(let text): text
    case nil: "no end"
    }
  }

  fileprivate init(parsing line: Substring) {
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
