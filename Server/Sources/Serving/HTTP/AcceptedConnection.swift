import HummingbirdCore
import Logging
import NIOCore
import Synchronization

/// A connection that was accepted. It is answered even where it arrives while the server stops listening:
/// Hummingbird forgets such a connection, which NIO does not forgive.
final class AcceptedConnection: ServerChildChannelValue {
  private let connection: HTTP1Channel.Value
  private let http: HTTP1Channel
  private let logger: Logger
  private let isHandled = Atomic<Bool>(false)

  init(_ connection: HTTP1Channel.Value, _ http: HTTP1Channel, _ logger: Logger) {
    self.connection = connection
    self.http = http
    self.logger = logger
  }

  var channel: any Channel { connection.channel }

  /// Answers the requests of the connection.
  func handle() async {
    isHandled.store(true, ordering: .relaxed)
    await http.handle(value: connection, logger: logger)
  }

  deinit {
    if !isHandled.load(ordering: .relaxed) {
      let (connection, http, logger) = (connection, http, logger)
      Task { await http.handle(value: connection, logger: logger) }
    }
  }
}

/// HTTP/1.1 over connections none of which is forgotten.
struct AcceptedChannel: ServerChildChannel {
  let http: HTTP1Channel

  func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<AcceptedConnection> {
    http.setup(channel: channel, logger: logger).map { AcceptedConnection($0, http, logger) }
  }

  func handle(value: AcceptedConnection, logger: Logger) async { await value.handle() }
}
