import ONNX

/// The work that waits for one model, and what is known about its runs.
///
/// `@unchecked Sendable`: the scheduler's monitor guards what changes.
final class Lane: @unchecked Sendable {
  /// Whether a sample's result has been seen to be the same alone and in a batch.
  ///
  /// A free first dimension does not say that samples do not affect each other: a model may take the mean
  /// of them, or draw random numbers. The first batches are therefore run with a further sample of zeros,
  /// and each request is run alone as well. The bits must be the same.
  enum Joining: Equatable {
    case never
    case tried(times: Int)
  }

  /// The batches that are compared with runs alone.
  static let trials = 2
  /// Threads cannot wait for less.
  private static let shortestHold = Duration.microseconds(100)

  let metrics: ModelMetrics
  weak private(set) var model: ServedModel?
  var waiting: [Job] = []
  var joining: Joining
  /// The requests of the last turn that could have been joined.
  private var lastCount = 1
  private var lastTime = Duration.zero
  private(set) var holdUntil: ContinuousClock.Instant?

  init(_ model: ServedModel, joins: Bool, metrics: ModelMetrics) {
    self.model = model
    self.metrics = metrics
    joining = joins && model.hasFreeFirstDimension ? .tried(times: 0) : .never
  }

  /// Adds work. It is held back where others are likely to join it: those of the last turn are answered,
  /// and their clients may ask again at once. A quarter of the time of a run is not much to lose.
  func add(_ job: Job, maxDelay: Duration) {
    if waiting.isEmpty, joining != .never, lastCount > 1 {
      let hold = min(maxDelay, lastTime / 4)
      holdUntil = hold >= Self.shortestHold ? job.arrival + hold : nil
    }
    waiting.append(job)
  }

  /// Whether nothing speaks for waiting longer.
  func isDue(_ now: ContinuousClock.Instant) -> Bool {
    guard let holdUntil else { return true }
    return now >= holdUntil || waiting.count >= lastCount
  }

  /// Takes the work of the next turn: the first that waits, and what can be run together with it.
  /// - Parameters:
  ///   - maxBatch: the most samples
  ///   - idle: other threads that could take a part
  func takeTurn(maxBatch: Int, idle: Int) -> [Job] {
    holdUntil = nil
    guard joining != .never, let first = waiting.first, var samples = first.samples else {
      return waiting.isEmpty ? [] : [waiting.removeFirst()]
    }
    let share = (waiting.count + idle) / (idle + 1)
    var taken: [Job] = []
    var rest: [Job] = []
    for job in waiting {
      if taken.isEmpty {
        taken.append(job)
      } else if taken.count < share, job.joins(first), let more = job.samples,
        samples <= maxBatch - more
      {
        samples += more
        taken.append(job)
      } else {
        rest.append(job)
      }
    }
    waiting = rest
    return taken
  }

  /// Notes the end of a turn.
  func note(_ count: Int, time: Duration) {
    lastCount = count
    lastTime = time
  }

  /// Notes whether a batch gave the bits of runs alone.
  func noteTrial(agrees: Bool) {
    guard case .tried(let times) = joining else { return }
    joining = agrees ? .tried(times: times + 1) : .never
  }
}
