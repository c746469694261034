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

/// Ends before the HTTP server does: announces the end and gives load balancers time to notice it.
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
  /// Then `/v2/health/ready` has status 503. After `ServerOptions.drainDelay` no more connections are
  /// accepted, and those that are open close with their next response, or soon if they have no request.
  /// Streams end with a last event.
  /// - Parameters:
  ///   - application: that of `application(_:)`
  ///   - others: further services, which end before it does
  public func run(_ application: some Service, others: [any Service] = []) async throws {
    var configuration = ServiceGroupConfiguration(
      services: [application] + others + [Drain(lifetime: lifetime, delay: options.drainDelay)],
      gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)
    // Connections are closed after `stopTimeout`, and their requests end then. This is for what does not.
    configuration.maximumGracefulShutdownDuration =
      options.drainDelay + options.stopTimeout + .seconds(5)
    try await ServiceGroup(configuration: configuration).run()
    // Connections that were accepted at the last moment may still be answered.
    for _ in 0..<100 where clients.count > 0 { try await Task.sleep(for: .milliseconds(10)) }
  }
}
