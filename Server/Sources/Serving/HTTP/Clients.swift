import NIOCore
import NIOHTTPTypes
import Synchronization

/// The client of a connection.
final class Client: Sendable {
  private struct State {
    var isGone = false
    var action: (@Sendable () -> Void)?
  }

  private let state = Mutex(State())

  /// Sets what to do when the client closes the connection. A connection has one request at a time.
  /// - Returns: whether the client is still there
  @discardableResult
  func whenGone(_ action: (@Sendable () -> Void)?) -> Bool {
    state.withLock { state in
      state.action = action
      return !state.isGone
    }
  }

  /// Notes that the client has closed the connection, or given up the request.
  func leave() {
    let action = state.withLock { state in
      state.isGone = true
      return state.action
    }
    action?()
  }
}

/// The clients of all open connections.
final class Clients: Sendable {
  private let clients = Mutex<[ObjectIdentifier: Client]>([:])

  /// The connections that are open.
  var count: Int { clients.withLock(\.count) }

  /// The client of a connection.
  subscript(channel: ObjectIdentifier) -> Client? {
    clients.withLock { $0[channel] }
  }

  /// A handler that watches a connection.
  func makeHandler() -> any RemovableChannelHandler { Handler(self) }

  fileprivate func set(_ client: Client?, for channel: any Channel) {
    clients.withLock { $0[ObjectIdentifier(channel)] = client }
  }

  /// Sees the client close the connection, or its half of it.
  private final class Handler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    private let clients: Clients
    private let client = Client()

    init(_ clients: Clients) { self.clients = clients }

    func handlerAdded(context: ChannelHandlerContext) {
      clients.set(client, for: context.channel)
      let (clients, client, channel) = (clients, client, context.channel)
      channel.closeFuture.whenComplete { _ in
        clients.set(nil, for: channel)
        client.leave()
      }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
      if event as? ChannelEvent == .inputClosed { client.leave() }
      context.fireUserInboundEventTriggered(event)
    }
  }
}
