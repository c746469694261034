#if GRPC
  import GRPCCore
  import NIOHTTP2
  import ONNX

  extension ServingError: RPCErrorConvertible {
    /// The code that says the same as the status.
    public var rpcErrorCode: RPCError.Code {
      switch status.code {
      case 401: .unauthenticated
      case 403: .permissionDenied
      case 404: .notFound
      case 408, 504: .deadlineExceeded
      // Too many requests wait, or a tensor exceeds a limit.
      case 413, 429: .resourceExhausted
      case 400..<499: .invalidArgument
      case 499: .cancelled
      case 503: .unavailable
      default: .internalError
      }
    }

    /// The reason, in one sentence.
    public var rpcErrorMessage: String { description }

    /// The answer to an error of a call; `nil` for one that gRPC itself has raised, and for the end of
    /// a stream whose message has not arrived.
    init?(answering error: any Error) {
      switch error {
      case let error as ServingError: self = error
      case let error as ModelError: self.init(error)
      case let error as TensorError: self.init(.badRequest, "\(error)")
      case is RPCError, is RPCErrorConvertible, is any NIOHTTP2Error: return nil
      default: self.init(.internalServerError, "the request failed")
      }
    }
  }
#endif
