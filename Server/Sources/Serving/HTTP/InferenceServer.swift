import Foundation
import Hummingbird
import Logging
import NIOCore
import ServiceLifecycle

/// What all routes share.
public struct InferenceServer: Sendable {
  /// The address and the limits.
  public let options: ServerOptions
  /// The models.
  public let repository: ModelRepository
  /// Runs the models.
  public let scheduler: Scheduler
  /// What is counted.
  public let metrics: ServerMetrics
  /// Whether the server is stopping.
  public let lifetime = Lifetime()
  /// The states of texts that can be continued.
  let texts: TextStates
  let clients = Clients()
  /// What the connections share.
  let limits: ConnectionLimits
  /// Where events of the server are recorded.
  public let logger: Logger

  /// Reads the models of the folder.
  public init(_ options: ServerOptions, logger: Logger) throws {
    self.options = options
    self.logger = logger
    repository = try ModelRepository(options)
    metrics = ServerMetrics()
    scheduler = Scheduler(options, metrics: metrics)
    texts = TextStates(options)
    limits = ConnectionLimits(options)
  }

  /// A router with the routes of the Open Inference Protocol. Others can be added.
  public func router() -> Router<ServeContext> {
    let router = Router(context: ServeContext.self)
    router.add(middleware: RequestMiddleware(server: self))
    router.add(middleware: ErrorMiddleware())
    router.add(middleware: AccessMiddleware(options))
    addInferenceRoutes(to: router)
    addGenerateRoutes(to: router)
    addMetricsRoutes(to: router)
    return router
  }

  /// The application that answers requests until SIGTERM.
  /// - Parameter onRunning: is called with the port once requests are answered
  public func application(
    _ router: Router<ServeContext>, onRunning: @escaping @Sendable (Int) -> Void = { _ in }
  ) -> some ApplicationProtocol {
    Application(
      router: router,
      server: connections(),
      configuration: .init(
        address: .hostname(options.host, port: options.port),
        backlog: 1024,
        availableConnectionsDelegate: .maximum(connectionLimit(), logger: logger)),
      services: [ModelWatcher(repository: repository, logger: logger)],
      onServerRunning: { channel in onRunning(channel.localAddress?.port ?? options.port) },
      logger: logger)
  }

  /// Answers requests until SIGTERM, as `run(_:)` does.
  /// - Parameter onRunning: is called with the port once requests are answered
  /// - Throws: `ServingError` for an address that nobody can listen on
  public func run(
    _ router: Router<ServeContext>, onRunning: @escaping @Sendable (Int) -> Void
  ) async throws {
    do { try await run(application(router, onRunning: onRunning), others: listeners) } catch {
      throw ServingError(listeningOn: options.host, port: options.port, error) ?? error
    }
  }

  /// What listens on other ports.
  private var listeners: [any Service] {
    #if GRPC
      options.grpcPort.map { [GRPCListener(server: self, port: $0)] } ?? []
    #else
      []
    #endif
  }
}

extension ServingError {
  /// The error that nobody can listen on an address; `nil` for another one.
  init?(listeningOn host: String, port: Int, _ error: any Error) {
    let reason: String
    switch error {
    case let error as IOError: reason = String(cString: strerror(error.errnoCode))
    case is SocketAddressError.UnknownHost: reason = "no such host"
    default: return nil
    }
    self.init(.internalServerError, "cannot listen on \(host), port \(port): \(reason)")
  }
}
