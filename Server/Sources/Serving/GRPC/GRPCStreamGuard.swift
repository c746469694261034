#if GRPC
  import GRPCCore
  import NIOCore
  import NIOHTTP2

  /// Protects the server from a call whose message trickles, or does not fit beside those of others,
  /// and from a client that does not read the response.
  final class GRPCStreamGuard: ChannelDuplexHandler {
    typealias InboundIn = HTTP2Frame.FramePayload
    typealias OutboundIn = HTTP2Frame.FramePayload
    typealias OutboundOut = HTTP2Frame.FramePayload

    private let limits: ConnectionLimits
    /// The most bytes of the message.
    private var limit: Int
    private var held = 0
    private var isAnswering = false
    private var isRefused = false
    private var deadline: Scheduled<Void>?

    init(_ limits: ConnectionLimits) {
      self.limits = limits
      limit = limits.maxBody
    }

    func handlerAdded(context: ChannelHandlerContext) { setDeadline(context, "request") }

    func handlerRemoved(context: ChannelHandlerContext) {
      deadline?.cancel()
      limits.release(held)
      held = 0
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
      guard !isRefused else { return }
      let isLast: Bool
      switch unwrapInboundIn(data) {
      case .data(let data):
        isLast = data.endStream
        do { try hold(data.data.readableBytes) } catch { return refuse(context, error) }
      case .headers(let headers):
        isLast = headers.endStream
        // Only a message with tensors is large.
        if headers.headers.first(name: ":path")?.hasSuffix("/ModelInfer") == false {
          limit = min(limit, 1 << 20)
        }
      default: isLast = false
      }
      if isLast, !isAnswering { deadline?.cancel() }
      context.fireChannelRead(data)
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
      if !isAnswering {
        isAnswering = true
        setDeadline(context, "response")
      }
      context.write(data, promise: promise)
    }

    private func hold(_ bytes: Int) throws(ServingError) {
      // A byte and a length of four bytes precede the message.
      guard held + bytes <= limit + 5 else {
        throw ServingError(
          .contentTooLarge, "the message has more than \(limit) bytes, which is the limit")
      }
      try limits.hold(bytes)
      held += bytes
    }

    /// Sets how long what comes next may take.
    private func setDeadline(_ context: ChannelHandlerContext, _ part: String) {
      deadline?.cancel()
      let timeout = limits.transferTimeout
      let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
      deadline = context.eventLoop.scheduleTask(in: TimeAmount(timeout)) {
        let (handler, context) = bound.value
        handler.refuse(
          context, ServingError(.requestTimeout, "the \(part) did not arrive within \(timeout)"))
      }
    }

    /// Ends the call with a status, which gRPC itself does not send for a message it cannot read.
    private func refuse(_ context: ChannelHandlerContext, _ error: ServingError) {
      isRefused = true
      let headers = HTTP2Frame.FramePayload.Headers(
        headers: [
          ":status": "200", "content-type": "application/grpc",
          "grpc-status": "\(error.rpcErrorCode.rawValue)", "grpc-message": "\(error)",
        ], endStream: true)
      context.write(wrapOutboundOut(.headers(headers)), promise: nil)
      // Asks the client to stop sending. With another code it would not see the status.
      context.writeAndFlush(wrapOutboundOut(.rstStream(.noError)), promise: nil)
    }
  }
#endif
