import Hummingbird
import Logging
import ServiceLifecycle
import Synchronization

/// Whether the server is stopping.
public final class Lifetime: Sendable {
  private let flag = Atomic<Bool>(false)

  /// Whether the server is stopping: it is not ready any more, and streams end soon.
  public var isStopping: Bool { flag.load(ordering: .relaxed) }

  func stop() { flag.store(true, ordering: .relaxed) }
}

/// Ends before the HTTP server does: announces the end and gives clients time to notice it.
private struct Drain: Service {
  let lifetime: Lifetime
  let delay: Duration

  func run() async throws {
    try? await gracefulShutdown()
    lifetime.stop()
    try? await Task.sleep(for: delay)
  }
}

extension InferenceServer {
  /// Answers requests until SIGTERM or SIGINT.
  ///
  /// Then `/v2/health/ready` has status 503, and responses tell clients to close their connections. After
  /// `ServerOptions.drainDelay` no more connections are accepted, those without a request are closed, and
  /// requests that were accepted are answered. Streams end with a last event.
  /// - Parameter application: that of `application(_:)`
  public func run(_ application: some Service) async throws {
    var configuration = ServiceGroupConfiguration(
      services: [application, Drain(lifetime: lifetime, delay: options.drainDelay)],
      gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)
    configuration.maximumGracefulShutdownDuration = options.stopTimeout
    try await ServiceGroup(configuration: configuration).run()
  }
}
