#if GRPC
  import NIOCore
  import NIOHTTP2

  /// Protects the server from a call whose message trickles, or does not fit beside those of others.
  final class GRPCStreamGuard: ChannelInboundHandler {
    typealias InboundIn = HTTP2Frame.FramePayload

    private let limits: ConnectionLimits
    /// The most bytes of the message.
    private var limit: Int
    private var held = 0
    private var arrival: Scheduled<Void>?

    init(_ limits: ConnectionLimits) {
      self.limits = limits
      limit = limits.maxBody
    }

    func handlerAdded(context: ChannelHandlerContext) {
      let loopBound = NIOLoopBound(context, eventLoop: context.eventLoop)
      arrival = context.eventLoop.scheduleTask(in: TimeAmount(limits.transferTimeout)) {
        loopBound.value.close(promise: nil)
      }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
      arrival?.cancel()
      limits.release(held)
      held = 0
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
      let isLast: Bool
      switch unwrapInboundIn(data) {
      case .data(let data):
        isLast = data.endStream
        let bytes = data.data.readableBytes
        // A byte and a length of four bytes precede the message.
        guard held + bytes <= limit + 5, (try? limits.hold(bytes)) != nil else {
          context.close(promise: nil)
          return
        }
        held += bytes
      case .headers(let headers):
        isLast = headers.endStream
        // Only a message with tensors is large.
        if headers.headers.first(name: ":path")?.hasSuffix("/ModelInfer") == false {
          limit = min(limit, 1 << 20)
        }
      default: isLast = false
      }
      if isLast { arrival?.cancel() }
      context.fireChannelRead(data)
    }
  }

  extension ConnectionLimits {
    /// Counts a connection for gRPC, or closes it where there are too many.
    func admit(_ channel: any Channel, most: Int) -> EventLoopFuture<Void> {
      let count = connectionOpened()
      channel.closeFuture.whenComplete { _ in self.connectionClosed() }
      if count > most { channel.eventLoop.execute { channel.close(promise: nil) } }
      return channel.eventLoop.makeSucceededVoidFuture()
    }
  }
#endif
