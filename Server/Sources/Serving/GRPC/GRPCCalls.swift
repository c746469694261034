#if GRPC
  import GRPCCore
  import Hummingbird
  import Logging

  /// What all calls need: the token, a record of each, and the end of a run whose client has gone.
  struct GRPCCalls: ServerInterceptor {
    private static let open: Set<String> = ["ServerLive", "ServerReady"]

    let server: InferenceServer

    func intercept<Input: Sendable, Output: Sendable>(
      request: StreamingServerRequest<Input>, context: ServerContext,
      next:
        @Sendable (StreamingServerRequest<Input>, ServerContext) async throws
        -> StreamingServerResponse<Output>
    ) async throws -> StreamingServerResponse<Output> {
      let start = ContinuousClock.now
      let client = Client()
      let lifetime = server.lifetime
      let given = request.metadata[stringValues: "x-request-id"].first { _ in true }
      let record = RequestRecord(
        id: given.flatMap(RequestMiddleware.harmless) ?? RequestID().description, client: client,
        lifetime: lifetime)
      server.metrics.active.increment()
      var status = HTTPResponse.Status.ok
      defer {
        server.metrics.active.decrement()
        var logger = server.logger
        logger[metadataKey: LineLogHandler.idKey] = .string(record.id)
        server.report(
          ("gRPC", "/\(context.descriptor.fullyQualifiedMethod)"), status, record, nil,
          ContinuousClock.now - start, logger)
      }
      do {
        try checkToken(request.metadata, context.descriptor.method)
        return try await withRPCCancellationHandler {
          try await RequestRecord.$current.withValue(record) { try await next(request, context) }
        } onCancelRPC: {
          // A stop cancels all calls, but what was accepted is answered.
          if !lifetime.isStopping { client.leave() }
        }
      } catch {
        guard let known = ServingError(answering: error) else {
          status = .badRequest
          throw error
        }
        status = known.status
        if status.code >= 500, !(error is ServingError) {
          server.logger.error("a call failed", metadata: ["error": "\(error)"])
        }
        throw known
      }
    }

    private func checkToken(_ metadata: Metadata, _ method: String) throws {
      guard let token = server.options.token, !Self.open.contains(method) else { return }
      let isGiven = metadata[stringValues: "authorization"].contains { text in
        let parts = text.split(separator: " ", maxSplits: 1)
        return parts.count == 2 && parts[0].lowercased() == "bearer"
          && AccessMiddleware.isEqual(String(parts[1]), token)
      }
      guard isGiven else {
        throw ServingError(
          .unauthorized,
          "the call needs the server's token: the metadata 'authorization: Bearer TOKEN'")
      }
    }
  }
#endif
