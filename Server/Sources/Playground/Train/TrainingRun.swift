import Foundation
import Serving
import Synchronization

/// A training run of a page, on a thread of its own that gives way to those that answer requests.
final class TrainingRun: Sendable {
  /// Names the run in addresses. Nobody can guess it.
  let identifier: String

  private struct State {
    var jobs: [@Sendable (Training) -> Void] = []
    var isRunning = false
    var hasEnded = false
    var listeners = 0
    var problem: String?
    /// The most steps of a second; 0 for as many as there is time for.
    var pace = 0
    /// Counts what a page may want to show.
    var changes = 0
    var lastUse = ContinuousClock.now
  }

  private let state = Mutex(State())
  private let signal = DispatchSemaphore(value: 0)

  /// The time after which a run that nobody looks at is forgotten.
  static let lifetime = Duration.seconds(600)
  /// The time after which a run that nobody looks at is paused.
  static let patience = Duration.seconds(10)
  private static let mostJobs = 64

  private init() {
    var generator = SystemRandomNumberGenerator()
    identifier = (0..<2).map { _ in
      let digits = String(generator.next(), radix: 16)
      return String(repeating: "0", count: 16 - digits.count) + digits
    }.joined()
  }

  /// Starts a thread with a network that it builds.
  /// - Throws: `ServingError` if it cannot be built
  static func start(
    _ make: @escaping @Sendable () throws -> Training
  ) async throws -> TrainingRun {
    let run = TrainingRun()
    try await withCheckedThrowingContinuation { (ready: CheckedContinuation<Void, any Error>) in
      let thread = Thread { run.work(make, ready) }
      thread.name = "training"
      thread.stackSize = 8 << 20
      thread.start()
    }
    return run
  }

  private func work(
    _ make: () throws -> Training, _ ready: CheckedContinuation<Void, any Error>
  ) {
    // Of Linux's threads, each has a priority of its own.
    setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, 10)
    let training: Training
    do {
      training = try make()
    } catch {
      state.withLock { $0.hasEnded = true }
      return ready.resume(throwing: Self.answer(error))
    }
    ready.resume()
    var (wasRunning, due) = (false, ContinuousClock.now)
    while true {
      let now = ContinuousClock.now
      let (jobs, isRunning, hasEnded, pace) = state.withLock { state in
        if state.isRunning && state.listeners > 0 || !state.jobs.isEmpty { state.lastUse = now }
        let idle = state.listeners > 0 ? .zero : now - state.lastUse
        if idle > Self.patience { state.isRunning = false }
        if idle > Self.lifetime { state.hasEnded = true }
        defer { state.jobs = [] }
        return (state.jobs, state.isRunning, state.hasEnded, state.pace)
      }
      for job in jobs { job(training) }
      if hasEnded { return }
      do {
        if isRunning {
          if !wasRunning { training.resume() }
          if now < due {
            _ = signal.wait(timeout: .now() + .nanoseconds(Int((due - now) / .nanoseconds(1))))
            continue
          }
          try training.train()
          // What a slow step has missed is not made up for.
          due = pace > 0 ? max(due, now - .milliseconds(50)) + .seconds(1) / pace : now
        } else if wasRunning {
          try training.catchUp()
        }
      } catch {
        state.withLock { ($0.isRunning, $0.problem) = (false, "\(error)") }
      }
      if isRunning || wasRunning { state.withLock { $0.changes &+= 1 } }
      wasRunning = isRunning
      if !isRunning, jobs.isEmpty {
        _ = signal.wait(timeout: .now() + .seconds(5))
      }
    }
  }

  /// Calls `body` on the run's thread, between two steps.
  /// - Throws: the error of `body`, or `ServingError` for a run that has ended or has too much to do
  func perform<R: Sendable>(
    _ body: @escaping @Sendable (Training) throws -> R
  ) async throws -> R {
    try await withCheckedThrowingContinuation { (done: CheckedContinuation<R, any Error>) in
      let refusal: ServingError? = state.withLock { state in
        if state.hasEnded { return ServingError(.notFound, "the training run has ended") }
        guard state.jobs.count < Self.mostJobs else {
          return ServingError(.tooManyRequests, "the training run has too much to do")
        }
        state.jobs.append { training in
          let result = Result { try body(training) }
          done.resume(with: result.mapError(Self.answer))
        }
        state.changes &+= 1
        return nil
      }
      if let refusal { done.resume(throwing: refusal) } else { signal.signal() }
    }
  }

  /// Whether the run trains. Setting it forgets the problem that stopped it.
  var isRunning: Bool {
    get { state.withLock { $0.isRunning } }
    set {
      state.withLock {
        ($0.isRunning, $0.problem) = (newValue, nil)
        $0.changes &+= 1
        $0.lastUse = .now
      }
      signal.signal()
    }
  }

  /// The most steps of a second; 0 for as many as there is time for.
  var pace: Int {
    get { state.withLock { $0.pace } }
    set { state.withLock { $0.pace = newValue } }
  }

  /// The reason why the run stopped of itself.
  var problem: String? { state.withLock { $0.problem } }
  /// Differs when there is something new to show.
  var changes: Int { state.withLock { $0.changes } }
  /// Whether the run has been forgotten.
  var hasEnded: Bool { state.withLock { $0.hasEnded } }
  /// For a run that does not train, whether a page looks at it, and when it was last used.
  var idle: (isSeen: Bool, since: ContinuousClock.Instant)? {
    state.withLock { $0.isRunning ? nil : ($0.listeners > 0, $0.lastUse) }
  }

  /// Counts a page that looks at the run until `leave`.
  func enter() { state.withLock { $0.listeners += 1 } }

  /// Ends what `enter` began. Without pages the run pauses.
  func leave() {
    state.withLock { state in
      state.listeners -= 1
      state.lastUse = .now
      if state.listeners == 0 { state.isRunning = false }
    }
  }

  /// Ends the run. Its thread gives the memory back.
  func end() {
    state.withLock { $0.hasEnded = true }
    signal.signal()
  }

  private static func answer(_ error: any Error) -> any Error {
    error as? ServingError ?? ServingError(.badRequest, "\(error)")
  }
}
