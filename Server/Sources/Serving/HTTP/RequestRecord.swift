import Synchronization

/// What is logged and counted about a request.
public final class RequestRecord: Sendable {
  private struct Run {
    var model: String?
    var batchSize = 0
  }

  /// The record of the request that the task answers.
  @TaskLocal public static var current: RequestRecord?

  /// The identifier of the request.
  public let id: String
  /// Tells when the client goes away.
  let client: Client?
  let lifetime: Lifetime
  private let run = Mutex(Run())

  init(id: String, client: Client?, lifetime: Lifetime) {
    self.id = id
    self.lifetime = lifetime
    self.client = client
  }

  /// The loaded model that the request ran, and the samples in the run.
  var lastRun: (model: String?, batchSize: Int) {
    run.withLock { ($0.model, $0.batchSize) }
  }

  func note(model: String, batchSize: Int = 0) {
    run.withLock { run in
      run.model = model
      run.batchSize = batchSize
    }
  }
}
