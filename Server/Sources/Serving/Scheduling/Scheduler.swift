import ONNX
import Synchronization

/// Runs requests on the threads that all models share.
///
/// Requests that can be joined along a free first dimension are run together; the bits of an answer do not
/// depend on that. `SchedulerCore` says when a request waits for others.
public final class Scheduler: Sendable {
  private let core: SchedulerCore
  private let options: ServerOptions

  /// Creates a scheduler and starts its threads.
  public init(_ options: ServerOptions, metrics: ServerMetrics = ServerMetrics()) {
    self.options = options
    core = SchedulerCore(options, metrics: metrics)
    core.start()
  }

  deinit { core.stop() }

  /// Runs a model.
  ///
  /// The run ends when the task is cancelled or the client of the request goes away.
  /// - Parameter timeout: the longest that it may take, waiting included; not longer than the options say
  /// - Throws: `ServingError`: status 429 where too many requests wait, 504 past the deadline
  public func run(
    _ model: ServedModel, _ inputs: [String: Tensor], timeout: Duration? = nil
  ) async throws(ServingError) -> [String: Tensor] {
    let fits = inputs.count == model.session.inputs.count
    let samples = fits ? commonSamples(inputs.values) : nil
    let job = Job(
      .run(inputs), samples: samples, timeout: min(timeout ?? options.timeout, options.timeout))
    let answer = await answer(to: job, model, bound: options.maxQueue)
    RequestRecord.current?.note(model: model.name, batchSize: job.batchSize)
    return try answer.get()
  }

  /// Does other work with a model on one of the threads, such as a few steps of a long computation. The
  /// model's slices take turns with the runs of all models. `Deadline.isPassed` is true in `body` once its
  /// result is not needed any more.
  /// - Parameter timeout: as for `run(_:_:timeout:)`
  /// - Throws: `ServingError` past the deadline, or once the task is cancelled
  public func slice<R: Sendable>(
    of model: ServedModel, timeout: Duration? = nil, _ body: @escaping @Sendable () -> R
  ) async throws(ServingError) -> R {
    let result = Box<R>()
    let job = Job(
      .slice { result.value = body() }, timeout: min(timeout ?? options.timeout, options.timeout))
    _ = try await answer(to: job, model, bound: .max).get()
    guard let value = result.value else { throw .stopping }
    return value
  }

  /// The requests that wait, by model.
  var waiting: [String: Int] { core.waiting }

  private func answer(to job: Job, _ model: ServedModel, bound: Int) async -> Job.Answer {
    let client = RequestRecord.current?.client
    let isThere = client?.whenGone { [core] in core.end(job, .clientLeft) } ?? true
    defer { client?.whenGone(nil) }
    guard isThere else { return .failure(.clientLeft) }
    return await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        job.resume(continuation)
        if !job.isFinished { core.add(job, for: model, bound: bound) }
      }
    } onCancel: {
      core.end(job, .clientLeft)
    }
  }
}

/// The result of a slice. The thread writes it before the task that reads it is resumed.
private final class Box<Value: Sendable>: Sendable {
  private let stored = Mutex<Value?>(nil)

  var value: Value? {
    get { stored.withLock { $0 } }
    set { stored.withLock { $0 = newValue } }
  }
}
