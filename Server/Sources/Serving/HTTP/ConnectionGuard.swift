import HTTPTypes
import Hummingbird
import NIOCore
import NIOHTTP1
import NIOHTTPTypes

/// Protects the server from the client of a connection: from bodies that trickle or do not fit,
/// from responses that are not read, and from what is not HTTP.
///
/// Hummingbird's own handler closes connections that are idle, or whose next head does not arrive.
final class ConnectionGuard: ChannelDuplexHandler, RemovableChannelHandler {
  typealias InboundIn = HTTPRequestPart
  typealias InboundOut = HTTPRequestPart
  typealias OutboundIn = HTTPResponsePart
  typealias OutboundOut = HTTPResponsePart

  private let limits: ConnectionLimits
  /// The bytes that are held of the body of each request whose response has not ended.
  private var bodies: [Int] = []
  /// Whether the body of the last request is still arriving.
  private var isReceiving = false
  /// The error that ended what is read from this connection.
  private var failure: (any Error)?
  /// Whether the response to what is not HTTP has begun. Nothing follows it.
  private var isRejected = false
  private var isStopping = false
  private var arrival: Scheduled<Void>?
  private var departure: Scheduled<Void>?
  private var end: Scheduled<Void>?
  private var stop: Scheduled<Void>?

  init(_ limits: ConnectionLimits) { self.limits = limits }

  func handlerAdded(context: ChannelHandlerContext) { limits.connectionOpened() }

  func handlerRemoved(context: ChannelHandlerContext) {
    limits.connectionClosed()
    for timer in [arrival, departure, end, stop] { timer?.cancel() }
    limits.release(bodies.reduce(0, +))
    bodies = []
  }

  // MARK: Requests

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    guard failure == nil else { return }
    switch unwrapInboundIn(data) {
    case .head(var head):
      bodies.append(0)
      isReceiving = true
      answerExpectation(of: head, context: context)
      // Hummingbird looks for this spelling.
      if head.headerFields[.connection]?.lowercased() == "close" {
        head.headerFields[.connection] = "close"
      }
      context.fireChannelRead(wrapInboundOut(.head(head)))
      return
    case .body(let bytes):
      // The rest of a body whose request is answered is dropped: it takes no room.
      guard !bodies.isEmpty else { break }
      do throws(ServingError) {
        try limits.hold(bytes.readableBytes)
        bodies[bodies.count - 1] += bytes.readableBytes
      } catch {
        refuse(error, context: context)
        return
      }
    case .end:
      isReceiving = false
      arrival?.cancel()
      arrival = nil
    }
    context.fireChannelRead(data)
  }

  func channelReadComplete(context: ChannelHandlerContext) {
    if isReceiving, arrival == nil, failure == nil {
      let timeout = limits.transferTimeout
      arrival = schedule(in: timeout, context: context) { connection, context in
        connection.refuse(
          ServingError(.requestTimeout, "the request did not arrive within \(timeout)"),
          context: context)
      }
    }
    context.fireChannelReadComplete()
  }

  /// Tells a client that waits with the body to send it. One whose body is too large is told by the
  /// response of the route.
  private func answerExpectation(of head: HTTPRequest, context: ChannelHandlerContext) {
    guard bodies.count == 1, head.headerFields[.expect]?.lowercased() == "100-continue",
      head.headerFields[.contentLength].flatMap({ Int($0) }) ?? 0 <= limits.maxBody
    else { return }
    context.writeAndFlush(wrapOutboundOut(.head(HTTPResponse(status: .continue))), promise: nil)
  }

  /// Ends what is read. The route that waits for the body throws the error, and so answers with it.
  private func refuse(_ error: ServingError, context: ChannelHandlerContext) {
    failure = error
    context.fireErrorCaught(error)
    // The route may have answered already, or never look at the body.
    if bodies.isEmpty { close(context) }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    guard failure == nil else { return }
    switch error {
    case is HTTPParserError, is IOError, is ChannelError:
      failure = error
      context.fireErrorCaught(error)
    default:
      // A head that cannot be expressed, such as one with a path that is not ASCII.
      failure = HTTPParserError.unknown
      context.fireErrorCaught(HTTPParserError.unknown)
    }
  }

  // MARK: Responses

  func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
    switch unwrapOutboundIn(data) {
    case .head(var head):
      if let error = failure as? HTTPParserError, isRejection(head) {
        isRejected = true
        let body = rejection(error, &head)
        context.write(wrapOutboundOut(.head(head)), promise: promise)
        context.write(wrapOutboundOut(.body(body)), promise: nil)
      } else {
        if closesAfterResponse { head.headerFields[.connection] = "close" }
        context.write(wrapOutboundOut(.head(head)), promise: promise)
      }
    case .body: context.write(data, promise: promise)
    case .end:
      if !bodies.isEmpty { limits.release(bodies.removeFirst()) }
      let closes = closesAfterResponse && bodies.isEmpty
      context.write(data, promise: promise)
      if closes { close(context) }
    }
  }

  /// Whether no request can follow the response that is being written.
  private var closesAfterResponse: Bool {
    isRejected || failure is ServingError || (bodies.count <= 1 && (isReceiving || isStopping))
  }

  /// Whether this is the head of Hummingbird's response to what is not HTTP: it has no body.
  private func isRejection(_ head: HTTPResponse) -> Bool {
    head.status == .badRequest && head.headerFields[.contentLength] == "0"
  }

  /// The body of the response to what is not HTTP, with its head.
  private func rejection(_ error: HTTPParserError, _ head: inout HTTPResponse) -> ByteBuffer {
    let reason: String
    switch error {
    case .headerOverflow:
      head.status = .requestHeaderFieldsTooLarge
      reason = "the head of the request is too large"
    case .unknown: reason = "the request is not valid HTTP/1.1"
    default: reason = "the request is not valid HTTP/1.1: \(error)"
    }
    let body = ByteBuffer(string: "{\"error\":\"\(reason)\"}")
    head.headerFields[.contentType] = "application/json"
    head.headerFields[.contentLength] = "\(body.readableBytes)"
    return body
  }

  func channelWritabilityChanged(context: ChannelHandlerContext) {
    departure?.cancel()
    departure =
      context.channel.isWritable
      ? nil
      : schedule(in: limits.transferTimeout, context: context) { _, context in
        context.close(promise: nil)
      }
    context.fireChannelWritabilityChanged()
  }

  // MARK: The end

  /// Ends what is written, and closes the connection soon: at once would destroy what the client
  /// has not read yet.
  private func close(_ context: ChannelHandlerContext) {
    context.flush()
    context.close(mode: .output, promise: nil)
    closeLater(in: limits.lingerTimeout, context: context)
  }

  private func closeLater(in time: Duration, context: ChannelHandlerContext) {
    end?.cancel()
    end = schedule(in: time, context: context) { _, context in context.close(promise: nil) }
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    guard event is ChannelShouldQuiesceEvent else {
      context.fireUserInboundEventTriggered(event)
      return
    }
    isStopping = true
    if end == nil { closeLater(in: limits.stopTimeout, context: context) }
    // Hummingbird's handler closes a connection without requests. One may be on its way.
    stop = schedule(in: limits.stopDelay, context: context) { _, context in
      context.fireUserInboundEventTriggered(ChannelShouldQuiesceEvent())
    }
  }

  private func schedule(
    in time: Duration, context: ChannelHandlerContext,
    _ action: @escaping (ConnectionGuard, ChannelHandlerContext) -> Void
  ) -> Scheduled<Void> {
    context.eventLoop.assumeIsolated().scheduleTask(in: TimeAmount(time)) { action(self, context) }
  }
}
