import Metrics
import ONNX
import ONNXOperators

extension SchedulerCore {
  /// Does the work of a turn and answers its requests.
  func run(_ turn: Turn) {
    for job in turn.jobs { turn.lane.metrics.wait.record(duration: turn.start - job.arrival) }
    if turn.jobs.count > 1 { runTogether(turn) }
    // A batch that failed is run again one by one, so that one bad request does not spoil the others.
    let rest = turn.jobs.filter { !$0.isFinished }
    let succeeded = rest.count { runAlone($0, turn) }
    let time = ContinuousClock.now - turn.start
    monitor.withLock { state in
      // The model says that it takes any number of samples, but does not.
      if rest.count > 1, succeeded == rest.count { turn.lane.joining = .never }
      turn.lane.note(turn.jobs.count, time: time)
      state.running.removeAll { $0 === turn }
    }
  }

  /// - Returns: whether it succeeded
  private func runAlone(_ job: Job, _ turn: Turn) -> Bool {
    var succeeded = false
    perform([job], turn) { _ in
      switch job.work {
      case .slice(let body):
        body()
        succeeded = job.finish(.success([:]))
      case .run(let inputs):
        let answer = compute(inputs, samples: job.samples ?? 1, turn.lane)
        job.batchSize = job.samples ?? 1
        job.finish(answer.mapError(ServingError.init))
        if case .success = answer { succeeded = true }
      }
    }
    return succeeded
  }

  private func runTogether(_ turn: Turn) {
    let joining = monitor.withLock { _ in turn.lane.joining }
    guard case .tried(let times) = joining else { return }
    let isTrial = times < Lane.trials
    perform(turn.jobs, turn) { jobs in
      guard jobs.count > 1, let answers = answer(jobs, turn.lane, zeros: isTrial ? 1 : 0) else {
        return
      }
      if isTrial, !confirm(answers, of: jobs, turn.lane) { return }
      let samples = jobs.reduce(0) { $0 + ($1.samples ?? 0) }
      for (job, answer) in zip(jobs, answers) {
        job.batchSize = samples
        job.finish(.success(answer))
      }
    }
  }

  /// Runs `body` for the jobs that have no answer yet, until none of them needs it any more.
  private func perform(_ jobs: [Job], _ turn: Turn, _ body: ([Job]) -> Void) {
    let flag = StopFlag()
    let open = monitor.withLock { _ in turn.begin(jobs, flag) }
    if !open.isEmpty { flag.run { body(open) } }
  }

  /// The outputs of each job from one run of all; `nil` where that fails.
  private func answer(_ jobs: [Job], _ lane: Lane, zeros: Int) -> [[String: Tensor]]? {
    let counts = jobs.map { $0.samples ?? 0 }
    let total = counts.reduce(zeros, +)
    do {
      var inputs: [String: Tensor] = [:]
      for name in jobs[0].inputs.keys {
        inputs[name] = try Tensor.joined(jobs.compactMap { $0.inputs[name] }, zeros: zeros)
      }
      let outputs = try compute(inputs, samples: total, lane).get()
      guard outputs.values.allSatisfy({ $0.shape.first == total }) else {
        monitor.withLock { _ in lane.noteTrial(agrees: false) }
        return nil
      }
      var first = 0
      return try counts.map { count in
        defer { first += count }
        return try outputs.mapValues { try $0.samples(first..<first + count) }
      }
    } catch { return nil }
  }

  /// Whether the jobs have the same bits alone. They are answered if not.
  private func confirm(_ answers: [[String: Tensor]], of jobs: [Job], _ lane: Lane) -> Bool {
    var agrees = true
    for (job, answer) in zip(jobs, answers) where !job.isFinished {
      let alone = compute(job.inputs, samples: job.samples ?? 1, lane)
      if Deadline.isPassed { return false }
      guard (try? alone.get()) != answer else { continue }
      agrees = false
      job.finish(alone.mapError(ServingError.init))
    }
    let agreed = agrees
    monitor.withLock { _ in lane.noteTrial(agrees: agreed) }
    return agrees
  }

  private func compute(
    _ inputs: [String: Tensor], samples: Int, _ lane: Lane
  ) -> Result<[String: Tensor], ModelError> {
    // The requests of a lane keep its model.
    guard let session = lane.model?.session else { return .failure(.cancelled) }
    let start = ContinuousClock.now
    let result = Result { () throws(ModelError) in try session.run(inputs) }
    if case .success = result {
      lane.metrics.run.record(duration: ContinuousClock.now - start)
      lane.metrics.batch.record(samples)
    }
    return result
  }
}
