#if GRPC
  import GRPCCore
  import GRPCNIOTransportHTTP2Posix
  import NIOCore
  import ServiceLifecycle

  /// Answers gRPC calls until the server stops.
  struct GRPCListener: Service {
    let server: InferenceServer
    let port: Int

    func run() async throws {
      let options = server.options
      let transport = HTTP2ServerTransport.Posix(
        address: try address(), transportSecurity: .plaintext,
        config: .defaults { config in
          // The limit is that of `GRPCStreamGuard`, which says so.
          config.rpc.maxRequestPayloadSize = .max
          config.http2.maxConcurrentStreams = 100
          // A tensor arrives in few round trips.
          config.http2.targetWindowSize = 1 << 20
          config.connection.maxIdleTime = options.idleTimeout
          // A client that is there answers pings, also while it waits for a long run.
          config.connection.keepalive.time = options.idleTimeout / 2
          let limits = server.limits
          config.channelDebuggingCallbacks.onAcceptTCPConnection = { channel in
            limits.admit(
              channel, most: options.maxConnections, silence: options.idleTimeout * 1.5)
          }
          config.channelDebuggingCallbacks.onAcceptHTTP2Stream = { channel in
            channel.eventLoop.makeCompletedFuture {
              try channel.pipeline.syncOperations.addHandler(
                GRPCStreamGuard(limits), position: .first)
            }
          }
        })
      let calls = GRPCServer(
        transport: transport, services: [GRPCMethods(calls: GRPCInference(server: server))],
        interceptors: [GRPCCalls(server: server)])
      try await withGracefulShutdownHandler {
        try await withThrowingTaskGroup { group in
          group.addTask {
            do { try await calls.serve() } catch let error as RuntimeError {
              let cause = error.cause ?? error
              throw ServingError(listeningOn: options.host, port: port, cause) ?? cause
            }
          }
          if let port = try? await transport.listeningAddress.port {
            server.logger.info("gRPC is served on port \(port)")
          }
          try await group.waitForAll()
        }
      } onGracefulShutdown: {
        calls.beginGracefulShutdown()
      }
    }

    private func address() throws -> GRPCNIOTransportHTTP2Posix.SocketAddress {
      let name = server.options.host
      let found: NIOCore.SocketAddress
      do { found = try .makeAddressResolvingHost(name, port: port) } catch {
        throw ServingError(listeningOn: name, port: port, error) ?? error
      }
      let host = found.ipAddress ?? name
      return found.protocol == .inet6
        ? .ipv6(host: host, port: port) : .ipv4(host: host, port: port)
    }
  }

  extension GRPCNIOTransportHTTP2Posix.SocketAddress {
    fileprivate var port: Int? { ipv4?.port ?? ipv6?.port }
  }
#endif
