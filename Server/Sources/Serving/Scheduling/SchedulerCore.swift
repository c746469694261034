import Foundation
import ONNX
import ONNXOperators

/// The threads of a scheduler and the work that waits for them.
///
/// Lanes with work take turns, so that a flood of requests for one model does not hold up another. What
/// waits in a lane while all threads are busy is run together in its turn. Where threads are idle, a
/// request does not wait for others, and requests are shared out among those threads, except that a lane
/// whose last turn joined requests holds the first one back for a quarter of the time of that run
/// (`Lane.add`).
final class SchedulerCore: Sendable {
  struct State {
    var lanes: [LaneKey: Lane] = [:]
    /// The lanes that have work, in the order of their turns.
    var turns: [Lane] = []
    var running: [Turn] = []
    /// When the timer looks at deadlines next; `nil` for as soon as there is work.
    var nextLook: ContinuousClock.Instant?
    var isStopped = false
  }

  /// Runs and slices of a model have a lane each.
  struct LaneKey: Hashable {
    let model: ObjectIdentifier
    let isRun: Bool
  }

  let options: ServerOptions
  let metrics: ServerMetrics
  let monitor = Monitor(State())
  private let work = Monitor<State>.Condition()
  private let deadlines = Monitor<State>.Condition()

  init(_ options: ServerOptions, metrics: ServerMetrics) {
    self.options = options
    self.metrics = metrics
  }

  /// Starts the threads. They keep the object alive until `stop()`.
  func start() {
    for number in 1...max(options.threads ?? ThreadPool.available, 1) {
      startThread("onnx-serve \(number)") { while let turn = self.nextTurn() { self.run(turn) } }
    }
    startThread("deadlines") { self.watchDeadlines() }
  }

  /// Ends the threads once they have done what they are doing. Work that waits is refused.
  func stop() {
    monitor.withLock { state in
      state.isStopped = true
      for job in state.turns.flatMap(\.waiting) { job.finish(.failure(.stopping)) }
      state.turns = []
    }
    work.broadcast()
    deadlines.broadcast()
  }

  /// Adds work for a model.
  /// - Parameter bound: the most work that may wait
  func add(_ job: Job, for model: ServedModel, bound: Int) {
    let key: LaneKey
    switch job.work {
    case .run: key = LaneKey(model: ObjectIdentifier(model), isRun: true)
    case .slice: key = LaneKey(model: ObjectIdentifier(model), isRun: false)
    }
    let refusal: ServingError? = monitor.withLock { state in
      if state.isStopped { return .stopping }
      let lane = lane(for: model, key, &state)
      guard lane.waiting.count < bound else {
        return ServingError(
          .tooManyRequests,
          "\(bound) requests wait for the model '\(model.name)' already; try again later",
          retryAfter: 1)
      }
      if lane.waiting.isEmpty { state.turns.append(lane) }
      lane.add(job, maxDelay: options.maxDelay)
      if state.nextLook.map({ job.deadline < $0 }) ?? true {
        state.nextLook = job.deadline
        deadlines.signal()
      }
      return nil
    }
    if let refusal { job.finish(.failure(refusal)) } else { work.signal() }
  }

  /// Ends work that nobody needs any more: it does not begin, or stops soon.
  func end(_ job: Job, _ reason: ServingError) {
    guard job.finish(.failure(reason)) else { return }
    monitor.withLock { state in
      for lane in state.turns { lane.waiting.removeAll { $0 === job } }
      state.turns.removeAll(where: \.waiting.isEmpty)
      for turn in state.running { turn.stopIfFinished() }
    }
  }

  /// The requests that wait, by model.
  var waiting: [String: Int] {
    monitor.withLock { state in
      state.lanes.values.reduce(into: [:]) { counts, lane in
        if let model = lane.model { counts[model.name, default: 0] += lane.waiting.count }
      }
    }
  }

  private func lane(for model: ServedModel, _ key: LaneKey, _ state: inout State) -> Lane {
    if let lane = state.lanes[key], lane.model === model { return lane }
    state.lanes = state.lanes.filter { $0.value.model != nil }
    let lane = Lane(model, joins: key.isRun, metrics: metrics.model(model.name))
    state.lanes[key] = lane
    return lane
  }

  /// The next work for a thread; `nil` once the scheduler is stopped.
  private func nextTurn() -> Turn? {
    monitor.wait(for: work) { state in
      let now = ContinuousClock.now
      guard let index = state.turns.firstIndex(where: { $0.isDue(now) }) else {
        if state.isStopped { return .done(nil) }
        return .wait(until: state.turns.compactMap(\.holdUntil).min())
      }
      let lane = state.turns.remove(at: index)
      let jobs = lane.takeTurn(maxBatch: options.maxBatch, idle: work.waiters)
      if !lane.waiting.isEmpty { state.turns.append(lane) }
      let turn = Turn(lane, jobs, start: now)
      state.running.append(turn)
      return .done(turn)
    }
  }

  /// Answers requests whose deadline has passed.
  private func watchDeadlines() {
    monitor.wait(for: deadlines) { state in
      if state.isStopped { return .done(()) }
      let now = ContinuousClock.now
      var next: ContinuousClock.Instant?
      func expire(_ jobs: [Job]) {
        for job in jobs where !job.isFinished {
          if job.deadline <= now {
            job.finish(.failure(.pastDeadline))
          } else {
            next = min(next ?? job.deadline, job.deadline)
          }
        }
      }
      for lane in state.turns {
        expire(lane.waiting)
        lane.waiting.removeAll(where: \.isFinished)
      }
      state.turns.removeAll(where: \.waiting.isEmpty)
      for turn in state.running {
        expire(turn.jobs)
        turn.stopIfFinished()
      }
      state.nextLook = next
      return .wait(until: next)
    }
  }
}

/// Work that a thread does. The scheduler's monitor guards what changes.
final class Turn: @unchecked Sendable {
  let lane: Lane
  let jobs: [Job]
  let start: ContinuousClock.Instant
  /// Those of the jobs that are being run, and the flag that stops their run.
  private var current: [Job] = []
  private var flag: StopFlag?

  init(_ lane: Lane, _ jobs: [Job], start: ContinuousClock.Instant) {
    self.lane = lane
    self.jobs = jobs
    self.start = start
  }

  /// Begins a run of some of the jobs.
  /// - Returns: those of them that have no answer yet
  func begin(_ jobs: [Job], _ flag: StopFlag) -> [Job] {
    current = jobs.filter { !$0.isFinished }
    self.flag = flag
    return current
  }

  /// Stops the run that nobody waits for any more.
  func stopIfFinished() {
    if let flag, current.allSatisfy(\.isFinished) { flag.set() }
  }
}

extension ServingError {
  static let stopping = ServingError(.serviceUnavailable, "the server is stopping")
  static let pastDeadline = ServingError(
    .gatewayTimeout, "deadline exceeded: the request took longer than it may")
  /// The status that servers record for clients that went away.
  static let clientLeft = ServingError(
    .init(code: 499, reasonPhrase: "Client Closed Request"), "the client closed the connection")
}

private func startThread(_ name: String, _ body: @escaping @Sendable () -> Void) {
  let thread = Thread(block: body)
  thread.name = name
  thread.stackSize = 16 << 20
  thread.start()
}
