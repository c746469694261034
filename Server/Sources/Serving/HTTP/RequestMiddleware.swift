import HTTPTypes
import Hummingbird
import Logging

/// Gives each request an identifier, and records it: a line in the log, and metrics.
///
/// Requests that succeed are logged at level `debug`, those with an error of the client at `info`, and
/// those with an error of the server at `warning`.
struct RequestMiddleware: RouterMiddleware {
  private static let idHeader = HTTPField.Name("X-Request-Id")

  let server: InferenceServer

  func handle(
    _ request: Request, context: ServeContext,
    next: (Request, ServeContext) async throws -> Response
  ) async throws -> Response {
    let start = ContinuousClock.now
    let given = Self.idHeader.flatMap { request.headers[$0] }
    let record = RequestRecord(
      id: given.flatMap(Self.harmless) ?? RequestID().description,
      client: server.clients[context.channel], lifetime: server.lifetime)
    var context = context
    context.logger[metadataKey: LineLogHandler.idKey] = .string(record.id)
    let (finalContext, metrics) = (context, server.metrics)
    metrics.active.increment()
    var response: Response
    do {
      response = try await RequestRecord.$current.withValue(record) {
        try await next(request, finalContext)
      }
    } catch {
      finalContext.logger.error("a route failed", metadata: ["error": "\(error)"])
      response = ServingError(.internalServerError, "the request failed")
        .response(from: request, context: finalContext)
    }
    if let header = Self.idHeader { response.headers[header] = record.id }
    let status = response.status
    let length = response.body.contentLength
    let ending = Ending {
      metrics.active.decrement()
      server.report(
        (request.method.rawValue, request.uri.path), status, record, length,
        ContinuousClock.now - start, finalContext.logger)
    }
    guard length == nil else { return response }
    // A stream ends when it is written, or when nobody can write it any more.
    let body = response.body
    response.body = ResponseBody { writer in
      let unwritten = writer
      defer { withExtendedLifetime(ending) {} }
      try await RequestRecord.$current.withValue(record) { try await body.write(unwritten) }
    }
    return response
  }

  /// The identifier that a client gave, if it is short and has only letters, digits and `-_.:`.
  static func harmless(_ id: String) -> String? {
    let isHarmless =
      (1...128).contains(id.utf8.count)
      && id.utf8.allSatisfy { byte in
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
          UInt8(ascii: "0")...UInt8(ascii: "9"):
          true
        default: "-_.:".utf8.contains(byte)
        }
      }
    return isHarmless ? id : nil
  }
}

extension InferenceServer {
  /// Records a request that was answered, in the log and the metrics.
  func report(
    _ request: (method: String, path: String), _ status: HTTPResponse.Status,
    _ record: RequestRecord, _ bytes: Int?,
    _ duration: Duration, _ logger: Logger
  ) {
    let run = record.lastRun
    metrics.count(run.model, status: status.code, duration)
    let level: Logger.Level =
      status.code >= 500 ? .warning : status.code >= 400 ? .info : .debug
    guard logger.logLevel <= level else { return }
    var metadata: Logger.Metadata = [
      "method": .string(request.method),
      "path": .string(String(request.path.prefix(200))),
      "status": .stringConvertible(status.code),
      "ms": .stringConvertible((duration / .microseconds(1)).rounded() / 1000),
    ]
    if let bytes { metadata["bytes"] = .stringConvertible(bytes) }
    if let model = run.model { metadata["model"] = .string(model) }
    if run.batchSize > 0 { metadata["batch"] = .stringConvertible(run.batchSize) }
    logger.log(level: level, "request", metadata: metadata)
  }
}

/// Work that is done when nobody holds the object any more.
private final class Ending: Sendable {
  private let action: @Sendable () -> Void

  init(_ action: @escaping @Sendable () -> Void) { self.action = action }

  deinit { action() }
}
