#if GRPC
  import NIOCore

  /// Closes a connection whose client sends nothing at all, not even answers to pings.
  private final class GRPCConnectionGuard: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
      if event is IdleStateHandler.IdleStateEvent { return context.close(promise: nil) }
      context.fireUserInboundEventTriggered(event)
    }
  }

  extension ConnectionLimits {
    /// Counts a connection for gRPC, and closes it where there are too many, or once it is silent.
    func admit(
      _ channel: any Channel, most: Int, silence: Duration
    ) -> EventLoopFuture<Void> {
      let count = connectionOpened()
      channel.closeFuture.whenComplete { _ in self.connectionClosed() }
      if count > most { channel.eventLoop.execute { channel.close(promise: nil) } }
      return channel.eventLoop.makeCompletedFuture {
        let idle = IdleStateHandler(readTimeout: TimeAmount(silence))
        try channel.pipeline.syncOperations.addHandlers(
          [idle, GRPCConnectionGuard()], position: .first)
      }
    }
  }
#endif
