import Serving
import Synchronization

/// The runs of all pages.
final class TrainingRuns: Sendable {
  /// The most runs at once, and the most that train.
  static let most = 8, mostTraining = 4

  private struct State {
    var runs: [String: TrainingRun] = [:]
    /// Runs that are being built.
    var coming = 0
  }

  private let state = Mutex(State())

  /// Starts a run, which does not train yet. Of those that do not train either, one makes room: the one
  /// that no page looks at, or else that was not used for longest.
  /// - Throws: `ServingError`
  func start(_ make: @escaping @Sendable () throws -> Training) async throws -> TrainingRun {
    try state.withLock { state in
      for (name, run) in state.runs where run.hasEnded { state.runs[name] = nil }
      if state.runs.count + state.coming >= Self.most {
        let idle = state.runs.values.compactMap { run in run.idle.map { (run: run, idle: $0) } }
        let unseen = idle.filter { !$0.idle.isSeen }
        guard
          let oldest = (unseen.isEmpty ? idle : unseen).min(by: { $0.idle.since < $1.idle.since })
        else { throw Self.tooMany }
        oldest.run.end()
        state.runs[oldest.run.identifier] = nil
      }
      state.coming += 1
    }
    defer { state.withLock { $0.coming -= 1 } }
    let run = try await TrainingRun.start(make)
    state.withLock { $0.runs[run.identifier] = run }
    return run
  }

  /// Lets a run train.
  /// - Throws: `ServingError` with status 429 if too many others do
  func train(_ run: TrainingRun) throws(ServingError) {
    let isAllowed = state.withLock { state in
      let others = state.runs.values.count { $0 !== run && $0.isRunning }
      if others < Self.mostTraining { run.isRunning = true }
      return others < Self.mostTraining
    }
    guard isAllowed else { throw Self.tooMany }
  }

  /// The run of an identifier.
  /// - Throws: `ServingError` with status 404
  func run(_ identifier: String) throws(ServingError) -> TrainingRun {
    guard let run = state.withLock({ $0.runs[identifier] }), !run.hasEnded else {
      throw ServingError(.notFound, "there is no such training run; it may have been forgotten")
    }
    return run
  }

  /// Ends a run.
  func end(_ run: TrainingRun) {
    run.end()
    state.withLock { $0.runs[run.identifier] = nil }
  }

  private static var tooMany: ServingError {
    ServingError(
      .tooManyRequests, "\(mostTraining) networks are being trained already; try again later")
  }
}
