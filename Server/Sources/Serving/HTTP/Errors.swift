import Hummingbird
import NIOHTTP1
import ONNX

extension ServingError: HTTPResponseError {
  /// The response of the Open Inference Protocol: `{"error": "…"}`.
  public func response(from request: Request, context: some RequestContext) -> Response {
    var response = Response(status: status, json: ErrorMessage(error: description))
    if let retryAfter { response.headers[.retryAfter] = "\(retryAfter)" }
    return response
  }
}

private struct ErrorMessage: Encodable {
  let error: String
}

/// Answers errors of routes in the form that the Open Inference Protocol states.
struct ErrorMiddleware: RouterMiddleware {
  func handle(
    _ request: Request, context: ServeContext,
    next: (Request, ServeContext) async throws -> Response
  ) async throws -> Response {
    do {
      return try await next(request, context)
    } catch let error as ServingError {
      return error.response(from: request, context: context)
    } catch let error as HTTPError where error.status == .notFound && error.body == nil {
      return ServingError(.notFound, "there is no \(request.method) \(quoted(request.uri.path))")
        .response(from: request, context: context)
    } catch let error as HTTPError {
      return ServingError(error.status, error.body ?? error.status.reasonPhrase.lowercased())
        .response(from: request, context: context)
    } catch let error as HTTPParserError {
      return ServingError(.badRequest, "the request is not valid HTTP/1.1: \(error)")
        .response(from: request, context: context)
    } catch let error as ModelError {
      return ServingError(error).response(from: request, context: context)
    } catch let error as TensorError {
      return ServingError(.badRequest, "\(error)").response(from: request, context: context)
    }
  }
}

extension ServingError {
  /// The answer to an error of a run.
  public init(_ error: ModelError) {
    switch error {
    case .deadline, .node(_, _, .deadline): self.init(.gatewayTimeout, "\(error)")
    case .memory, .node(_, _, .memory): self.init(.contentTooLarge, "\(error)")
    default: self.init(.badRequest, "\(error)")
    }
  }
}
