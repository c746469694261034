import ONNX
import Synchronization

/// Work that waits for a thread, and the task that awaits its answer.
final class Job: Sendable {
  typealias Answer = Result<[String: Tensor], ServingError>

  enum Work: Sendable {
    /// A run of a model.
    case run([String: Tensor])
    /// A slice of longer work, which keeps its result itself.
    case slice(@Sendable () -> Void)
  }

  private enum Phase {
    case new
    case awaited(CheckedContinuation<Answer, Never>)
    case finished(Answer)
  }

  let work: Work
  /// The samples along the first dimension of all inputs; `nil` for a run that others cannot join.
  let samples: Int?
  let arrival: ContinuousClock.Instant
  let deadline: ContinuousClock.Instant
  private let phase = Mutex(Phase.new)
  private let samplesInRun = Atomic<Int>(0)

  init(_ work: Work, samples: Int? = nil, timeout: Duration) {
    self.work = work
    self.samples = samples
    arrival = .now
    deadline = arrival + timeout
  }

  /// The inputs of a run.
  var inputs: [String: Tensor] { if case .run(let inputs) = work { inputs } else { [:] } }

  /// The samples of the run that gave the answer.
  var batchSize: Int {
    get { samplesInRun.load(ordering: .relaxed) }
    set { samplesInRun.store(newValue, ordering: .relaxed) }
  }

  /// Whether it has its answer.
  var isFinished: Bool { phase.withLock { if case .finished = $0 { true } else { false } } }

  /// Resumes the task with the answer, or as soon as there is one.
  func resume(_ continuation: CheckedContinuation<Answer, Never>) {
    let answer: Answer? = phase.withLock { phase in
      if case .finished(let answer) = phase { return answer }
      phase = .awaited(continuation)
      return nil
    }
    if let answer { continuation.resume(returning: answer) }
  }

  /// Answers the task. Only the first answer counts.
  /// - Returns: whether this was the first
  @discardableResult
  func finish(_ answer: Answer) -> Bool {
    let (isFirst, continuation) = phase.withLock {
      phase -> (Bool, CheckedContinuation<Answer, Never>?) in
      switch phase {
      case .finished: return (false, nil)
      case .new:
        phase = .finished(answer)
        return (true, nil)
      case .awaited(let continuation):
        phase = .finished(answer)
        return (true, continuation)
      }
    }
    continuation?.resume(returning: answer)
    return isFirst
  }

  /// Whether a run of both together is possible.
  func joins(_ other: Job) -> Bool {
    guard samples != nil, other.samples != nil else { return false }
    let others = other.inputs
    return inputs.allSatisfy { name, tensor in
      guard let other = others[name] else { return false }
      return tensor.elementType == other.elementType
        && tensor.shape.dropFirst() == other.shape.dropFirst()
    }
  }
}
